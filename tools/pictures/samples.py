"""Made-up notifications and receivers, as the API server would hold them, and the notification that every channel shows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from notification_contract.kinds.choices import BodyFormat
from notification_domain.model import Content
from notification_runtime.delivery.channel import Message

NOW: Final = datetime(2026, 3, 2, 14, 35, 0, tzinfo=UTC)
_SAMPLES: Final = yaml.safe_load(Path(__file__).with_name("samples.yaml").read_text("utf-8"))
NOTIFICATIONS: Final[list[dict[str, Any]]] = _SAMPLES["notifications"]
RECEIVERS: Final[list[dict[str, Any]]] = _SAMPLES["receivers"]
RULES: Final[str] = _SAMPLES["rules"]
HOME: Final = "platform"

MESSAGE: Final = Message(
    id="3f0c2a1b:sample:1",
    delivery_id="3f0c2a1b/sample",
    namespace="shop",
    name="checkout-failing",
    uid="3f0c2a1b-7c52-4d6e-9a41-0b6d2f6c8e11",
    created=NOW,
    channels=(),
    format=BodyFormat.MARKDOWN,
    content=Content(**_SAMPLES["content"]),
)
