"""When a destination may get its next message: its rate limit, and the pauses that it asks for (DD-DESTINATION-001).

A message that has to wait is not in memory: its notification gets a time, and costs one reconciliation then. Each
replica has its own memory, which a restart clears: the receiver asks for its pause again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.delivery.flow_control.waiting_line import Ticket, WaitingLine
from notification_operator.domain.flow_control.rate import Bucket, Rate
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.domain.text.timestamps import CLOCK_STEP, later
from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.delivery.flow_control.breakers import Destination

LONGEST_PAUSE: Final = 3600.0
"""Seconds: a longer pause is cut to this, so that a wrong answer stops a channel for an hour at most."""
AFTER_PAUSE: Final = 50.0
"""Notifications per second that are attempted after a pause, if the channel has no rate limit."""
MOST: Final = 1024
"""Destinations that are remembered: the ones used most recently."""

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pace:
    bucket: Bucket | None
    line: WaitingLine = field(default_factory=WaitingLine)
    paused_until: float = -math.inf
    """In seconds of the monotonic clock."""
    shown: datetime | None = None
    """The end of the pause by the wall clock."""


class Pacing:
    """The paces of all destinations.

    Args:
        clock: the wall clock, for the times that are shown.
        seconds: monotonic seconds, which decide.
    """

    def __init__(self, *, clock: Callable[[], datetime], seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._last_pause = -math.inf
        """The end of the pause that ends last."""
        self._paces: LruMap[Destination, _Pace] = LruMap(MOST)

    @property
    def paused(self) -> bool:
        """Whether any destination asked for a pause that has not ended."""
        return self._last_pause > self._seconds()

    def pause(self, destination: Destination, seconds: float) -> None:
        """Send nothing to a destination for so many seconds, as it asks; then no faster than at its rate."""
        now, seconds = self._seconds(), min(seconds, LONGEST_PAUSE)
        pace = self._pace(destination)
        if pace.bucket is not None:
            pace.bucket = pace.bucket.emptied(now)
        if now + seconds <= pace.paused_until:
            return
        first = pace.paused_until <= now
        self._last_pause = max(self._last_pause, now + seconds)
        pace.paused_until, pace.shown = now + seconds, self._clock() + timedelta(seconds=seconds)
        if first:
            logger.warning(
                "receiver asked for a pause; its messages wait",
                channel=destination.channel,
                until=pace.shown,
            )

    def paused_until(self, destination: Destination) -> datetime | None:
        """Return the end of a destination's pause; None without one."""
        pace, now = self._paces.get(destination), self._seconds()
        if pace is None or pace.paused_until <= now:
            return None
        expected = self._clock() + timedelta(seconds=pace.paused_until - now)
        if pace.shown is None or abs(expected - pace.shown) > CLOCK_STEP:
            pace.shown = expected
        return pace.shown

    def ask(
        self, destination: Destination, *, rate: Rate | None, notification: str, namespace: str
    ) -> Hold | None:
        """Return None if a notification may send now, which uses up nothing before `take`; else when to ask again."""
        if rate is None and destination not in self._paces:
            return None
        pace, now = self._pace(destination), self._seconds()
        pace.bucket = _at_rate(pace.bucket, rate, now)
        pace.line.drop_stale(now)
        ticket = pace.line.join(notification, namespace)
        wait = _wait(pace, pace.line.position(ticket), now)
        if wait <= 0.0:
            # It keeps its place for a moment, and loses it if it does not send after all.
            ticket.due = now
            return None
        reason = HoldReason.PAUSE if now < pace.paused_until else HoldReason.RATE
        return Hold(until=self._next_time(ticket, now, wait), reason=reason)

    def take(self, destination: Destination, notification: str, messages: int) -> None:
        """Use up the share of the rate of a notification that may send and now does."""
        pace = self._paces.get(destination)
        if pace is not None:
            pace.line.serve(notification)
            pace.bucket = None if pace.bucket is None else pace.bucket.take(messages, self._seconds())

    def leave(self, destination: Destination, notification: str) -> None:
        """Let a notification wait no longer."""
        pace = self._paces.get(destination)
        if pace is not None:
            pace.line.serve(notification)

    def _next_time(self, ticket: Ticket, now: float, wait: float) -> datetime:
        """Return when a notification asks again: the same time as before, as long as that is ahead."""
        if ticket.shown is not None and now < ticket.due <= now + wait:
            expected = later(self._clock(), ticket.due - now)
            if abs(expected - ticket.shown) <= CLOCK_STEP:
                return ticket.shown
        ticket.due, ticket.shown = now + wait, later(self._clock(), wait)
        return ticket.shown

    def _pace(self, destination: Destination) -> _Pace:
        return self._paces.use(destination, lambda: _Pace(None))


def _at_rate(bucket: Bucket | None, rate: Rate | None, now: float) -> Bucket | None:
    """Return the bucket at the present rate, which a change of the receiver may have changed."""
    if rate is None:
        return None
    if bucket is None:
        return Bucket.full(rate, now)
    if bucket.rate == rate:
        return bucket
    return Bucket(rate=rate, tokens=min(bucket.tokens_at(now), float(rate.burst)), at=now)


def _wait(pace: _Pace, position: int, now: float) -> float:
    """Return the seconds until a notification at this position of the line may send."""
    pause = max(0.0, pace.paused_until - now)
    if pace.bucket is None:
        return pause + position / AFTER_PAUSE if pause else 0.0
    return pause + pace.bucket.seconds_until(position + 1, now + pause)
