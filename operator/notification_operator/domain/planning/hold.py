"""Why a due attempt waits although nothing is wrong with it: its destination takes no message now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


class HoldReason(StrEnum):
    """Why a destination takes no message now, in words for a status."""

    PAUSE = "the receiver asked for a pause"
    RATE = "the rate limit of the channel is reached"
    SUSPENDED = "the receiver is suspended"
    NOT_READY = "the receiver is not ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A wait that uses no attempt and no slot."""

    until: datetime
    reason: HoldReason


NO_HOLDS: Final[Mapping[str, Hold]] = MappingProxyType({})


def describe_holds(holds: Mapping[str, Hold], channels: Iterable[str]) -> str:
    """Return the holds of some channels in words; empty without any."""
    texts = (
        f"{name} waits until {format_time(holds[name].until)}: {holds[name].reason}"
        for name in channels
        if name in holds
    )
    return "; ".join(texts)
