"""When a destination may get its next message: its rate limit, and the pauses that it asks for (DD-DESTINATION-001).

A message that has to wait is not in memory: its notification gets a time, and costs one reconciliation then. Each
replica has its own memory, which a restart clears: the receiver asks for its pause again.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.domain.flow_control.rate import Bucket, Rate
from notification_operator.domain.json_values import CLOCK_STEP, later
from notification_operator.domain.planning.hold import Hold, HoldReason
from notification_operator.endpoints.waiting_line import Ticket, WaitingLine

if TYPE_CHECKING:
    from datetime import datetime

    from notification_operator.endpoints.limits import FlowControl

LONGEST_PAUSE: Final = 3600.0
"""Seconds: a longer pause is cut to this, so that a wrong answer stops a channel for an hour at most."""
AFTER_PAUSE: Final = 50.0
"""Notifications per second that are attempted after a pause, if the channel has no rate limit."""

logger = structlog.get_logger(__name__)


class Pace:
    """The pace of one destination.

    Args:
        name: of the endpoint, in logs; the destination itself may hold a secret.
        control: the clocks.
    """

    def __init__(self, name: str, control: FlowControl) -> None:
        self._name = name
        self._control = control
        self._bucket: Bucket | None = None
        self._line = WaitingLine()
        self._paused_until = -math.inf
        """Seconds of the monotonic clock."""
        self._shown: datetime | None = None
        """The end of the pause by the wall clock."""

    def pause(self, seconds: float) -> None:
        """Let the destination get nothing for so many seconds, as it asks; then no more than its rate."""
        control, seconds = self._control, min(seconds, LONGEST_PAUSE)
        now = control.seconds()
        if self._bucket is not None:
            self._bucket = self._bucket.emptied(now)
        if now + seconds <= self._paused_until:
            return
        first = self._paused_until <= now
        control.last_pause_end = max(control.last_pause_end, now + seconds)
        self._paused_until, self._shown = now + seconds, control.clock() + timedelta(seconds=seconds)
        if first:
            logger.warning(
                "receiver asked for a pause; its messages wait", channel=self._name, until=self._shown
            )

    def paused_until(self) -> datetime | None:
        """Return the end of the pause; None without one."""
        now = self._control.seconds()
        if self._paused_until <= now:
            return None
        expected = self._control.clock() + timedelta(seconds=self._paused_until - now)
        if self._shown is None or abs(expected - self._shown) > CLOCK_STEP:
            self._shown = expected
        return self._shown

    def check(self, rate: Rate | None, *, notification: str, namespace: str) -> Hold | None:
        """Return None if a notification may send now; else when to ask again.

        It uses up nothing: `consume` does.
        """
        now = self._control.seconds()
        self._bucket = _at_rate(self._bucket, rate, now)
        if self._bucket is None and self._paused_until <= now and not self._line:
            return None
        self._line.drop_stale(now)
        ticket = self._line.join(notification, namespace)
        wait = self._wait(self._line.position(ticket), now)
        if wait <= 0.0:
            # It keeps its place for a moment, and loses it if it does not send after all.
            ticket.due = now
            return None
        reason = HoldReason.PAUSE if now < self._paused_until else HoldReason.RATE
        return Hold(until=self._next_time(ticket, now, wait), reason=reason)

    def consume(self, notification: str, messages: int) -> None:
        """Use up the share of the rate of a notification that may send and now does."""
        self._line.serve(notification)
        if self._bucket is not None:
            self._bucket = self._bucket.take(messages, self._control.seconds())

    def give_back(self, messages: int) -> None:
        """Take back what an attempt has used up that was not made."""
        if self._bucket is not None:
            self._bucket = self._bucket.take(-messages, self._control.seconds())

    def cancel(self, notification: str) -> None:
        """Let a notification wait no longer."""
        self._line.serve(notification)

    def _wait(self, position: int, now: float) -> float:
        """Return the seconds until a notification at this position of the line may send."""
        pause = max(0.0, self._paused_until - now)
        if self._bucket is None:
            return pause + position / AFTER_PAUSE if pause else 0.0
        return pause + self._bucket.seconds_until(position + 1, now + pause)

    def _next_time(self, ticket: Ticket, now: float, wait: float) -> datetime:
        """Return when a notification asks again: the same time as before, as long as that is ahead."""
        clock = self._control.clock
        if ticket.shown is not None and now < ticket.due <= now + wait:
            expected = later(clock(), ticket.due - now)
            if abs(expected - ticket.shown) <= CLOCK_STEP:
                return ticket.shown
        ticket.due, ticket.shown = now + wait, later(clock(), wait)
        return ticket.shown


def _at_rate(bucket: Bucket | None, rate: Rate | None, now: float) -> Bucket | None:
    """Return the bucket at the present rate, which a change of the receiver may have changed."""
    if rate is None:
        return None
    if bucket is None:
        return Bucket.full(rate, now)
    if bucket.rate == rate:
        return bucket
    return Bucket(rate=rate, tokens=min(bucket.tokens_at(now), float(rate.burst)), at=now)
