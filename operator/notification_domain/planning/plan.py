"""The plan of one reconciliation: the attempts to start now, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from notification_domain.planning.fallback import NONE_UNAVAILABLE, follow
from notification_domain.planning.progress import NO_OPEN_BREAKERS, NO_RECOVERIES, Progress
from notification_domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_domain.model import Notification
    from notification_domain.routing import Route


class PlanReason(StrEnum):
    FINAL = "the notification is final"
    SETTLED = "every attempt is complete and only needs recording"
    DUE = "attempts are due"
    BACKOFF = "the next attempt is not due yet"
    IN_FLIGHT = "attempts are still running"
    REFUSED = "the notification is too large, or has too many targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One attempt to start now; its ids travel to the receiver, so that it can recognize a repeat."""

    channel: str
    """The key of the target."""
    number: int
    id: str
    delivery_id: str = ""
    """Identical for all attempts on the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The attempts to start now."""

    reason: PlanReason
    sends: tuple[Send, ...] = ()


def plan(  # noqa: PLR0913 - each fact that the read cannot hold
    notification: Notification,
    route: Route,
    *,
    in_flight: AbstractSet[str],
    open_breakers: Mapping[str, datetime] = NO_OPEN_BREAKERS,
    recovered: Mapping[str, datetime] = NO_RECOVERIES,
    unavailable: AbstractSet[str] = NONE_UNAVAILABLE,
    now: datetime,
) -> Plan:
    """Decide from a fresh read which attempts to start (DD-STATUS-001).

    Args:
        notification: the fresh read, with the completed attempts that are not written yet.
        route: the targets of the notification; fallbacks join it.
        in_flight: targets with a running attempt; a target never has two at once.
        open_breakers: channels whose circuit breaker is open, with the time of its next probe. A channel whose
            status records that waits for the probe; any other is attempted once more and rejected
            (DD-BREAKER-001).
        recovered: targets whose receiver answers again after an outage, with the time from which it does (DD-BREAKER-005).
        unavailable: targets whose receiver is known to take no message now; their fallbacks join earlier.
        now: the time of the reconciliation; an attempt starts only after its backoff, in every phase, or after a recovery.
    """
    if notification.phase in FINAL:
        return Plan(reason=PlanReason.FINAL)
    if notification.too_large or route.refusal:
        return Plan(reason=PlanReason.REFUSED)
    _, steps = follow(
        notification, route, notification.attempts, running=in_flight, unavailable=unavailable, now=now
    )
    waiting = [step for step in steps if step.open]
    idle = [step for step in waiting if step.channel not in in_flight]
    due = tuple(
        _send(notification, step)
        for step in idle
        if _is_due(notification, step, open_breakers, recovered, now)
    )
    if due:
        return Plan(reason=PlanReason.DUE, sends=due)
    if not waiting:
        return Plan(reason=PlanReason.SETTLED)
    return Plan(reason=PlanReason.BACKOFF if idle else PlanReason.IN_FLIGHT)


def _is_due(
    notification: Notification,
    step: Progress,
    open_breakers: Mapping[str, datetime],
    recovered: Mapping[str, datetime],
    now: datetime,
) -> bool:
    due = step.due(notification, open_breakers, recovered=recovered, now=now)
    return due is None or due <= now


def _send(notification: Notification, step: Progress) -> Send:
    return Send(
        channel=step.channel,
        number=step.next_number,
        id=notification.attempt_id(step.channel, step.next_number),
        delivery_id=notification.delivery_id(step.channel),
    )
