"""What a notification still waits for, asked in memory when its time has come: waiting costs no API call (DD-WAIT-001)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from notification_operator.endpoints.delays import Delay


LEAST: Final = 1e-6
"""Seconds: the wall clock has no finer resolution. Less is a rounding error, and a timer for it would not come later."""


def _seconds() -> float:
    return asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTarget:
    """A target that its destination or receiver delays."""

    own: datetime
    """When its next attempt may start, whatever the destination says."""
    delay: Delay


@dataclass(frozen=True, slots=True, kw_only=True)
class StillWaits:
    """What a notification waits for."""

    targets: tuple[WaitingTarget, ...]
    other: datetime | None
    """When something else happens: an attempt on another target, a fallback, or the end."""
    at: datetime
    """The time by the wall clock that the other times are of."""
    since: float = field(default_factory=_seconds)
    """That moment by the event loop's clock."""

    def left(self, now: datetime) -> float | None:
        """Return for how many seconds it still waits, from this time by the wall clock; None if it is to be reconciled."""
        elapsed = _seconds() - self.since
        times = [] if self.other is None else [self._left(self.other, now, elapsed)]
        for target in self.targets:
            own = self._left(target.own, now, elapsed)
            # Who is asked may take a place in a line, so it is not asked before.
            delayed = target.delay.until() if own <= 0 else None
            times.append(own if delayed is None else (delayed - now).total_seconds())
        left = min(times)
        return left if left >= LEAST else None

    def _left(self, moment: datetime, now: datetime, elapsed: float) -> float:
        """Return the seconds until a time; a clock that was set back extends no wait."""
        return min((moment - now).total_seconds(), (moment - self.at).total_seconds() - elapsed)
