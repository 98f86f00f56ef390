"""The notification that every picture shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from notification_contract.kinds.choices import BodyFormat
from notification_operator.delivery.channel import Message
from notification_operator.domain.model import Content

NOW: Final = datetime(2026, 3, 2, 14, 35, 0, tzinfo=UTC)

BODY: Final = """\
**61 % of the orders** in `eu-west` fail since 14:30. @channel

| service | errors | p99 |
|---|---|---|
| cart | 61 % | 4.2 s |
| payment | 3 % | 0.4 s |

1. Pause the rollout: `kubectl rollout pause deploy/cart`
2. Read the [runbook](https://wiki.example.com/checkout)

> The database refuses the new password of cart-7.
"""

MESSAGE: Final = Message(
    id="3f0c2a1b:sample:1",
    delivery_id="3f0c2a1b/sample",
    namespace="shop",
    name="checkout-failing",
    uid="3f0c2a1b-7c52-4d6e-9a41-0b6d2f6c8e11",
    created=NOW,
    channels=(),
    format=BodyFormat.MARKDOWN,
    content=Content(
        type="escalation",
        priority="critical",
        subject="Checkout is failing in eu-west",
        body=BODY,
        metadata={"cluster": "eu-west", "rollout": "cart 4711"},
        labels={"kubernaut.ai/component": "cart"},
        action_links=(
            {
                "service": "grafana",
                "label": "Orders per minute",
                "url": "https://grafana.example.com/d/orders",
            },
            {"service": "runbook", "label": "What to do", "url": "https://wiki.example.com/checkout"},
        ),
    ),
)
