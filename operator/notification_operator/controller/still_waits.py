"""What a notification still waits for, asked in memory when its time has come: waiting costs no API call (DD-WAIT-001)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


LEAST: Final = 1e-6
"""Seconds: the wall clock has no finer resolution. Less is a rounding error, and a timer for it would not come later."""


def _seconds() -> float:
    return asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTarget:
    """A target that its destination or receiver delays."""

    own: datetime
    """When its next attempt may start, whatever the destination says."""
    blocked_until: Callable[[], datetime | None]
    """Returns until when the destination takes no message, by the present wall clock; None if it takes one now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillWaits:
    """Answers for how many seconds a notification still waits; None if it is to be reconciled."""

    targets: tuple[WaitingTarget, ...]
    other: datetime | None
    """When something else happens: an attempt on another target, a fallback, or the end."""
    clock: Callable[[], datetime]
    at: datetime
    """The time by the wall clock that the other times are of."""
    since: float = field(default_factory=_seconds)
    """That moment by the event loop's clock."""

    def __call__(self) -> float | None:
        """Return the seconds until the earliest time; None if that has come."""
        now, elapsed = self.clock(), _seconds() - self.since
        times = [] if self.other is None else [self._left(self.other, now, elapsed)]
        for target in self.targets:
            own = self._left(target.own, now, elapsed)
            # Who is asked may take a place in a line, so it is not asked before.
            blocked = target.blocked_until() if own <= 0 else None
            times.append(own if blocked is None else (blocked - now).total_seconds())
        left = min(times)
        return left if left >= LEAST else None

    def _left(self, moment: datetime, now: datetime, elapsed: float) -> float:
        """Return the seconds until a time; a clock that was set back extends no wait."""
        return min((moment - now).total_seconds(), (moment - self.at).total_seconds() - elapsed)
