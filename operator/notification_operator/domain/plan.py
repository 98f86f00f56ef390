"""What one pass has to do about a notification: tries to make now, or when to come back, or stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from notification_operator.domain.phases import FINAL
from notification_operator.domain.progress import NOTHING_HELD, Progress, progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_operator.domain.model import Notification
    from notification_operator.domain.routing.route import Route


class Why(StrEnum):
    """The one reason of a plan, for logs."""

    FINAL = "the notification is final"
    SETTLED = "no try is left to make, only to record"
    DUE = "tries are due"
    BACKOFF = "the next try is not due yet"
    IN_FLIGHT = "tries are still under way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One try to make now; `id` reaches the receiver, so that it can tell a repeat."""

    channel: str
    number: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tries to make now, and why there are these or none."""

    why: Why
    sends: tuple[Send, ...] = ()


def plan(
    notification: Notification,
    route: Route,
    *,
    in_flight: AbstractSet[str],
    held: Mapping[str, datetime] = NOTHING_HELD,
    now: datetime,
) -> Plan:
    """Decide from a fresh read what to try (DD-STATUS-001).

    Args:
        notification: the fresh read, with the attempts that are made but not yet written.
        route: the channels it goes to.
        in_flight: channels with a try under way; they are never tried a second time beside it.
        held: channels whose circuit breaker is open, with the time of its next probe. One whose status
            says so already is left alone; another one is tried once more, and turned away (DD-BREAKER-001).
        now: the time of the pass; a try begins only when its pause is over, in every phase.
    """
    if notification.phase in FINAL:
        return Plan(why=Why.FINAL)
    waiting = [step for step in progress(notification, route.channels, notification.attempts) if step.open]
    idle = [step for step in waiting if step.channel not in in_flight]
    due = tuple(_send(notification, step) for step in idle if _is_due(step, held, now))
    if due:
        return Plan(why=Why.DUE, sends=due)
    if not waiting:
        return Plan(why=Why.SETTLED)
    return Plan(why=Why.BACKOFF if idle else Why.IN_FLIGHT)


def _is_due(step: Progress, held: Mapping[str, datetime], now: datetime) -> bool:
    due = step.due(held)
    return due is None or due <= now


def _send(notification: Notification, step: Progress) -> Send:
    return Send(
        channel=step.channel,
        number=step.next_number,
        id=notification.attempt_id(step.channel, step.next_number),
    )
