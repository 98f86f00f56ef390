"""How far each channel of a notification has come, read from its recorded attempts alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from notification_operator.domain.retry import next_try_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from notification_operator.domain.model import Attempt, Notification


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

    @property
    def open(self) -> bool:
        """Whether a further try is to be made."""
        return self.state in {State.UNTRIED, State.WAITING}


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
    if last.number >= notification.retry.max_attempts:
        return Progress(channel=channel, state=State.EXHAUSTED, next_number=number)
    seed = notification.attempt_id(channel, last.number)
    due = next_try_at(notification.retry, last, seed=seed)
    return Progress(channel=channel, state=State.WAITING, next_number=number, next_at=due)
