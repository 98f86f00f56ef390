"""Why a due attempt waits although nothing is wrong with it: its destination takes no message now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import TargetReason
from notification_domain.json_values import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


class HoldReason(StrEnum):
    """Why a destination takes no message now, in words for a status."""

    PAUSE = "the receiver asked for a pause"
    RATE = "the rate limit of the channel is reached"
    SUSPENDED = "the receiver is suspended"
    NOT_READY = "the receiver is not ready"
    INCIDENT = "an earlier message of its incident is under way"
    THREAD = "another message of its incident is being sent"
    UNKNOWN_INCIDENT = "the other messages of its incident cannot be listed"

    @property
    def is_timed(self) -> bool:
        """Whether its end is known; otherwise a change of the receiver ends it."""
        return self not in {HoldReason.SUSPENDED, HoldReason.NOT_READY}


TARGET_REASONS: Final[Mapping[HoldReason, TargetReason]] = MappingProxyType(
    {
        HoldReason.PAUSE: TargetReason.PAUSED,
        HoldReason.RATE: TargetReason.RATE_LIMITED,
        HoldReason.SUSPENDED: TargetReason.SUSPENDED,
        HoldReason.NOT_READY: TargetReason.RECEIVER_NOT_READY,
        HoldReason.INCIDENT: TargetReason.WAITING_FOR_INCIDENT,
        HoldReason.THREAD: TargetReason.WAITING_FOR_INCIDENT,
        HoldReason.UNKNOWN_INCIDENT: TargetReason.WAITING_FOR_INCIDENT,
    }
)
"""The same in one word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A wait that uses no attempt and no slot."""

    until: datetime
    """Its end, or when it is looked at again."""
    reason: HoldReason
    brief: bool = False
    """Whether it ends within moments: what decides is being read."""


def describe_holds(holds: Mapping[str, Hold], channels: Iterable[str]) -> str:
    """Return the holds of some channels in words; empty without any."""
    return "; ".join(_described(name, holds[name]) for name in channels if name in holds)


def _described(channel: str, hold: Hold) -> str:
    until = f" until {format_time(hold.until)}" if hold.reason.is_timed else ""
    return f"{channel} waits{until}: {hold.reason}"
