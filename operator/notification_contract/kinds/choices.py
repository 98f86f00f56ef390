"""The types of receivers, and the choices that their fields have. Pure."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ReceiverType(StrEnum):
    """The type of a receiver: the channel that its targets begin with."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    SMS = "sms"
    SLACK = "slack"
    DISCORD = "discord"
    MATTERMOST = "mattermost"
    CONSOLE = "console"
    FILE = "file"
    LOG = "log"
    APPRISE = "apprise"


SHARED: Final = frozenset({ReceiverType.CONSOLE, ReceiverType.FILE, ReceiverType.LOG})
"""Types without a block: they use the channel of the operator's settings."""
ADDRESSING: Final = frozenset({ReceiverType.EMAIL, ReceiverType.SMS})
"""Types with one target per recipient."""
WITHOUT_EFFECT: Final = MappingProxyType(
    {
        **dict.fromkeys(SHARED, ("rateLimit", "tls", "proxySecretRef")),
        ReceiverType.EMAIL: ("proxySecretRef",),
        ReceiverType.APPRISE: ("tls", "proxySecretRef"),
    }
)
"""Fields that a type does not use, and so may not have: nobody should rely on them."""


class NamespacesFrom(StrEnum):
    """Whose notifications may use a receiver."""

    SAME = "Same"
    ALL = "All"
    SELECTOR = "Selector"


class Overflow(StrEnum):
    """What happens to a message beyond the rate limit."""

    DEFER = "Defer"
    SUPPRESS = "Suppress"


class OnReceiverError(StrEnum):
    """What happens to a message while the receiver accepts none."""

    FAIL = "Fail"
    HOLD = "Hold"
