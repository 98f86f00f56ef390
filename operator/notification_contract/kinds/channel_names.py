"""The channel types by name, generated from their declarations by `make generate`. Pure.

Completion, help and the routing language need the names alone; loading the declarations takes longer than their answers.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReceiverType(StrEnum):
    """The type of a receiver: the channel that its targets begin with."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    SMS = "sms"
    SLACK = "slack"
    CONSOLE = "console"
    FILE = "file"
    LOG = "log"
    DISCORD = "discord"
    MATTERMOST = "mattermost"
    APPRISE = "apprise"


SHARED: Final = frozenset({ReceiverType.CONSOLE, ReceiverType.FILE, ReceiverType.LOG})
"""The types that use the channel of the operator's settings."""
INCIDENTS: Final = frozenset({ReceiverType.PAGERDUTY})
"""The types that open an incident with a message."""
CHANNELS: Final = (
    "webhook",
    "email",
    "teams",
    "pagerduty",
    "sms",
    "slack",
    "console",
    "file",
    "log",
    "discord",
    "mattermost",
)
"""The values of `spec.channels`."""
ADDRESSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ReceiverType.EMAIL: "email",
        ReceiverType.SMS: "phone",
    }
)
"""The field of a notification's recipients that each type sends to, of the types that address people."""
ROUTING_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "webhook": "webhook",
        "email": "email",
        "teams": "teams",
        "msteams": "teams",
        "pagerduty": "pagerduty",
        "sms": "sms",
        "slack": "slack",
        "console": "console",
        "file": "file",
        "log": "log",
        "discord": "discord",
        "mattermost": "mattermost",
    }
)
"""The channel of each kind of `<kind>_configs` in a routing document."""
