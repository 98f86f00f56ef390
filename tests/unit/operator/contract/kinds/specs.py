"""Specs of receivers for tests: one valid block per type."""

from __future__ import annotations

from typing import Any, Final

REF: Final = {"name": "s", "key": "k"}
BLOCKS: Final[dict[str, dict[str, Any]]] = {
    "webhook": {"url": "https://example.com/hook"},
    "email": {"host": "mail.example.com", "from": "sender@example.com", "to": ["ops@example.com"]},
    "teams": {"urlSecretRef": REF},
    "pagerduty": {"routingKeySecretRef": REF},
    "sms": {
        "accountSid": "AC1",
        "authSecretRef": {"name": "s"},
        "from": "+15005550006",
        "to": ["+4915112345678"],
    },
    "slack": {"webhookUrlSecretRef": REF},
    "discord": {"urlSecretRef": REF},
    "mattermost": {"urlSecretRef": REF},
    "apprise": {"urlSecretRef": REF},
}


def spec(type_: str, **fields: object) -> dict[str, Any]:
    """Return a valid spec of a type with fields of its block changed; None removes a field."""
    if type_ not in BLOCKS:
        return {"type": type_}
    block = {name: value for name, value in (BLOCKS[type_] | fields).items() if value is not None}
    return {"type": type_, type_: block}
