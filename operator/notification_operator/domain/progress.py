"""The progress of each channel of a notification, read from its recorded attempts alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_operator.domain.hold import NO_HOLDS
from notification_operator.domain.retry import next_attempt_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from notification_operator.domain.hold import Hold
    from notification_operator.domain.model import Notification
    from notification_operator.domain.status import Attempt

NO_OPEN_BREAKERS: Final[Mapping[str, datetime]] = MappingProxyType({})


class State(StrEnum):
    """The state of a channel."""

    NOT_ATTEMPTED = "not attempted"
    BACKING_OFF = "backing off"
    """Failed, with attempts left."""
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    """Failed permanently."""
    EXHAUSTED = "exhausted"
    """Failed as often as the policy allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One channel: its state, the number of its next attempt, and the time at which that may start."""

    channel: str
    state: State
    next_number: int
    next_at: datetime | None = None
    """None before the first attempt (at once) and after the last."""
    circuit_open: bool = False
    """Whether the latest attempt records an open circuit breaker."""
    reason: str = ""
    """Why the channel is refused, in one word, where an attempt says so."""

    @property
    def open(self) -> bool:
        """Whether a further attempt remains."""
        return self.state in {State.NOT_ATTEMPTED, State.BACKING_OFF}

    def due(
        self,
        notification: Notification,
        open_breakers: Mapping[str, datetime],
        holds: Mapping[str, Hold] = NO_HOLDS,
        *,
        now: datetime,
    ) -> datetime | None:
        """Return the time at which the next attempt may start; None for at once, and after the last attempt.

        It is put off to the next probe where the latest attempt records an open breaker, and to the end of a
        hold, however long that is.
        """
        hold = holds.get(self.channel) if self.open else None
        until = None if hold is None else hold.until
        if self.next_at is None:
            return until
        next_at = _within_policy(notification, self.next_at, now)
        if self.circuit_open:
            next_at = max(next_at, open_breakers.get(self.channel, next_at))
        return next_at if until is None else max(next_at, until)


def progress(
    notification: Notification, channels: Iterable[str], attempts: Iterable[Attempt]
) -> tuple[Progress, ...]:
    """Return the progress of each channel, in the given order."""
    by_channel: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_channel.setdefault(attempt.channel, []).append(attempt)
    return tuple(_channel_progress(notification, name, by_channel.get(name, [])) for name in channels)


def _channel_progress(notification: Notification, channel: str, attempts: Sequence[Attempt]) -> Progress:
    last = max(attempts, key=lambda attempt: attempt.number, default=None)
    number = _next_number(attempts)
    if last is None:
        return Progress(channel=channel, state=State.NOT_ATTEMPTED, next_number=number)
    if any(attempt.succeeded for attempt in attempts):
        return Progress(channel=channel, state=State.SUCCEEDED, next_number=number)
    if any(attempt.permanent for attempt in attempts):
        reason = next((attempt.reason for attempt in attempts if attempt.permanent), "")
        return Progress(channel=channel, state=State.REFUSED, next_number=number, reason=reason)
    received = [attempt for attempt in attempts if not attempt.circuit_open]
    if len(received) >= notification.retry.max_attempts:
        return Progress(channel=channel, state=State.EXHAUSTED, next_number=number)
    return Progress(
        channel=channel,
        state=State.BACKING_OFF,
        next_number=number,
        next_at=_backoff_end(notification, received) or last.ended,
        circuit_open=last.circuit_open,
    )


def _next_number(attempts: Sequence[Attempt]) -> int:
    """Return the number of the next attempt.

    It is not counted from the greatest number: another writer of the status may have used up the numbers.
    """
    used = {attempt.number for attempt in attempts}
    return next(number for number in count(len(attempts) + 1) if number not in used)


def _within_policy(notification: Notification, next_at: datetime, now: datetime) -> datetime:
    """Return a time that is not later than the policy's longest backoff from now.

    A later one means that the clock was ahead when the attempt ended. The first decision after that puts its own
    limit into the status; the later ones keep to it, because a limit that moves with the time is never reached.
    """
    latest = now + timedelta(seconds=notification.retry.max_backoff)
    if next_at <= latest:
        return next_at
    status = notification.status
    recorded = status.next_attempt_at if status.total_attempts == len(status.attempts) else None
    return latest if recorded is None else min(latest, recorded)


def _backoff_end(notification: Notification, received: Sequence[Attempt]) -> datetime | None:
    """Return the end of the backoff after the attempts that reached the receiver; None without any."""
    last = max(received, key=lambda attempt: attempt.number, default=None)
    if last is None:
        return None
    seed = notification.attempt_id(last.channel, last.number)
    return next_attempt_at(notification.retry, last, failures=len(received), seed=seed)
