"""How far each channel of a notification has come, read from its recorded attempts alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_operator.domain.retry import next_try_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from notification_operator.domain.model import Attempt, Notification

NOTHING_HELD: Final[Mapping[str, datetime]] = MappingProxyType({})
"""No channel's circuit breaker is open."""


class State(StrEnum):
    """Where a channel stands."""

    UNTRIED = "untried"
    WAITING = "waiting"
    """Failed, with tries left."""
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    """Failed for good."""
    EXHAUSTED = "exhausted"
    """Failed as often as the policy allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One channel: its state, the number of its next try, and when that may begin."""

    channel: str
    state: State
    next_number: int
    next_at: datetime | None = None
    """None while untried (at once) and when no further try is made."""
    turned_away: bool = False
    """Whether its latest entry already says that its circuit breaker is open."""

    @property
    def open(self) -> bool:
        """Whether a further try is to be made."""
        return self.state in {State.UNTRIED, State.WAITING}

    def due(self, held: Mapping[str, datetime]) -> datetime | None:
        """Return `next_at`, or the next probe of the open circuit breaker that its latest entry tells of."""
        if self.next_at is None or not self.turned_away:
            return self.next_at
        return max(self.next_at, held.get(self.channel, self.next_at))


def progress(
    notification: Notification, channels: Iterable[str], attempts: Iterable[Attempt]
) -> tuple[Progress, ...]:
    """Return the progress of each channel, in the order given."""
    by_channel: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_channel.setdefault(attempt.channel, []).append(attempt)
    return tuple(_channel_progress(notification, name, by_channel.get(name, [])) for name in channels)


def _channel_progress(notification: Notification, channel: str, tries: list[Attempt]) -> Progress:
    last = max(tries, key=lambda attempt: attempt.number, default=None)
    number = last.number + 1 if last else 1
    if last is None:
        return Progress(channel=channel, state=State.UNTRIED, next_number=number)
    if any(attempt.succeeded for attempt in tries):
        return Progress(channel=channel, state=State.SUCCEEDED, next_number=number)
    if any(attempt.permanent for attempt in tries):
        return Progress(channel=channel, state=State.REFUSED, next_number=number)
    made = [attempt for attempt in tries if not attempt.circuit_open]
    if len(made) >= notification.retry.max_attempts:
        return Progress(channel=channel, state=State.EXHAUSTED, next_number=number)
    return Progress(
        channel=channel,
        state=State.WAITING,
        next_number=number,
        next_at=_due(notification, made) or last.ended,
        turned_away=last.circuit_open,
    )


def _due(notification: Notification, made: list[Attempt]) -> datetime | None:
    """Return when the pause is over after the tries that reached their receiver; None without any."""
    last = max(made, key=lambda attempt: attempt.number, default=None)
    if last is None:
        return None
    seed = notification.attempt_id(last.channel, last.number)
    return next_try_at(notification.retry, last, made=len(made), seed=seed)
