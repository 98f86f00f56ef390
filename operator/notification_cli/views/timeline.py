"""The life of a notification as a sequence: its attempts, and why it waited between them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from notification_cli.views.text import clean, duration
from notification_domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from notification_domain.model import Attempt, Notification

SHORTEST_PAUSE: Final = 0.5
"""Seconds between two attempts that are shown as a pause."""


class Kind(StrEnum):
    """What happened, in the order in which simultaneous entries are shown."""

    CREATED = "created"
    QUEUED = "queued"
    ATTEMPT = "attempt"
    WAIT = "wait"
    FINAL = "final"
    NEXT = "next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    at: datetime
    kind: Kind
    text: str
    channel: str = ""
    good: bool | None = None
    """Whether it is a success or a failure; None for neither."""


def timeline(notification: Notification, *, now: datetime) -> tuple[Entry, ...]:
    entries = [*_milestones(notification, now), *_attempts(notification)]
    order = list(Kind)
    return tuple(sorted(entries, key=lambda entry: (entry.at, order.index(entry.kind))))


def _milestones(notification: Notification, now: datetime) -> Iterator[Entry]:
    status = notification.status
    yield Entry(at=notification.created, kind=Kind.CREATED, text="created")
    if status.queued_at is not None:
        yield Entry(at=status.queued_at, kind=Kind.QUEUED, text="the operator queued it")
    if notification.phase in FINAL and status.completed_at is not None:
        took = duration((status.completed_at - notification.created).total_seconds())
        text = f"{notification.phase} after {took}: {clean(status.message)}"
        yield Entry(
            at=status.completed_at,
            kind=Kind.FINAL,
            text=text,
            good=not status.failed_deliveries,
        )
    elif status.next_attempt_at is not None:
        left = (status.next_attempt_at - now).total_seconds()
        when = f"in {duration(left)}" if left > 0 else f"due {duration(-left)} ago"
        yield Entry(at=status.next_attempt_at, kind=Kind.NEXT, text=f"next attempt, {when}")


def _attempts(notification: Notification) -> Iterator[Entry]:
    by_channel: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in notification.attempts:
        by_channel[attempt.channel].append(attempt)
    for channel, attempts in by_channel.items():
        attempts.sort(key=lambda attempt: attempt.number)
        for index, attempt in enumerate(attempts):
            yield _attempt(attempt)
            following = attempts[index + 1] if index + 1 < len(attempts) else None
            if following is not None:
                yield from _pause(channel, attempt, following)


def _attempt(attempt: Attempt) -> Entry:
    number = f"attempt {attempt.number}"
    if attempt.succeeded:
        text = f"{number} delivered in {duration(attempt.duration)}"
    elif attempt.circuit_open:
        text = f"{number} not sent, because the circuit breaker is open"
    else:
        how = "failed permanently" if attempt.permanent else "failed"
        text = f"{number} {how} after {duration(attempt.duration)}: {clean(attempt.error or 'no reason')}"
    return Entry(
        at=attempt.timestamp,
        kind=Kind.ATTEMPT,
        channel=clean(attempt.channel),
        text=text,
        good=None if attempt.circuit_open else attempt.succeeded,
    )


def _pause(channel: str, before: Attempt, after: Attempt) -> Iterator[Entry]:
    seconds = (after.timestamp - before.ended).total_seconds()
    if seconds < SHORTEST_PAUSE:
        return
    if before.circuit_open:
        reason = "for the circuit breaker"
    elif before.retry_after is not None:
        reason = f"before the retry; the receiver asked for {duration(before.retry_after)}"
    else:
        reason = "before the retry"
    text = f"waits {duration(seconds)} {reason}"
    yield Entry(at=before.ended, kind=Kind.WAIT, channel=clean(channel), text=text)
