"""From a fresh read and the tries made since, to the next status. Folding twice is folding once.

Nothing is incremented: phase, counters and times are computed anew from the attempts, which are
told apart by channel and number. So it does not matter how often, or on which read, it runs
(DD-PERF-001, DD-STATUS-001).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notification_operator.domain.conditions import delivered, routing_resolved, with_conditions
from notification_operator.domain.model import Attempt, Notification, Phase
from notification_operator.domain.outcome import Verdict, judge
from notification_operator.domain.phases import FINAL, check_move
from notification_operator.domain.progress import NOTHING_HELD, Progress, State, progress
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_operator.domain.routing.route import Route


def record(notification: Notification, made: Iterable[Attempt]) -> Notification:
    """Return the notification with the tries that it does not hold yet.

    A try may have been made by two processes under one id, when the first one died or stood down and its write
    came late. What has reached the receiver has: then a success takes the place of a failure.

    Of tries that an open circuit breaker turned away one after the other, a channel keeps the first:
    so their number is bounded by that of its other tries (DD-BREAKER-001).
    """
    tries = sorted(made, key=lambda attempt: attempt.ended)
    delivered = {attempt.key: attempt for attempt in tries if attempt.succeeded}
    held = tuple(each if each.succeeded else delivered.get(each.key, each) for each in notification.attempts)
    known = {attempt.key for attempt in held}
    turned_away = {attempt.channel: attempt.circuit_open for attempt in held}
    new: list[Attempt] = []
    for attempt in tries:
        repeats = attempt.circuit_open and turned_away.get(attempt.channel, False)
        if attempt.key not in known and not repeats:
            new.append(attempt)
            known.add(attempt.key)
            turned_away[attempt.channel] = attempt.circuit_open
    changed = new or held != notification.attempts
    return replace(notification, attempts=(*held, *new)) if changed else notification


def without(notification: Notification, made: Iterable[Attempt]) -> Notification:
    """Return the notification as it was before these tries came into its status; itself if it holds none.

    Its phase is what the other tries amount to; only phase and attempts are those of that time.
    """
    gone = {attempt.key for attempt in made}
    attempts = tuple(attempt for attempt in notification.attempts if attempt.key not in gone)
    if len(attempts) == len(notification.attempts):
        return notification
    channels = notification.channels or notification.resolved_channels
    steps = progress(notification, channels, attempts)
    verdict = judge(steps, notification.retry, present=Phase.PENDING, in_flight=frozenset())
    return replace(notification, attempts=attempts, phase=verdict.phase)


def fold(  # noqa: PLR0913 - one read, and each fact that the read cannot hold
    fresh: Notification,
    made: Iterable[Attempt],
    *,
    route: Route,
    in_flight: AbstractSet[str],
    held: Mapping[str, datetime] = NOTHING_HELD,
    queued_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Return the next status; equal to the present one when there is nothing new to say.

    Args:
        fresh: the object as just read; fields of other writers survive.
        made: tries that are over, whether the read holds them already or not.
        route: the channels it goes to.
        in_flight: channels with a try under way.
        held: channels whose circuit breaker is open, with the time of its next probe.
        queued_at: when the operator first saw it.
        now: the time of this decision.

    Raises:
        IllegalMoveError: the phase machine has no such move.
    """
    if fresh.phase in FINAL:
        return dict(fresh.status)
    notification = record(fresh, made)
    steps = progress(notification, route.channels, notification.attempts)
    verdict = judge(steps, notification.retry, present=fresh.phase, in_flight=in_flight)
    if verdict.phase is Phase.PENDING:
        return dict(fresh.status)
    check_move(fresh.phase, verdict.phase)
    status = dict(fresh.status)
    status |= _verdict(verdict, notification.generation)
    status |= _counters(notification, steps)
    status |= _times(notification, verdict, queued_at, now)
    status.pop("nextAttemptAt", None)
    if (due := _next_attempt(steps, in_flight, held)) is not None:
        status["nextAttemptAt"] = format_time(due)
    if not notification.channels:
        status["resolvedChannels"] = list(route.channels)
    updates = [delivered(verdict), *routing_resolved(route)]
    status["conditions"] = with_conditions(
        status.get("conditions") or (), updates, generation=notification.generation, now=now
    )
    return status


def _verdict(verdict: Verdict, generation: int) -> dict[str, Any]:
    return {
        "phase": verdict.phase.value,
        "reason": verdict.reason.value,
        "message": verdict.message,
        "observedGeneration": generation,
    }


def _counters(notification: Notification, steps: Iterable[Progress]) -> dict[str, Any]:
    states = [step.state for step in steps]
    failed = {State.WAITING, State.REFUSED, State.EXHAUSTED}
    return {
        "deliveryAttempts": [_entry(attempt) for attempt in notification.attempts],
        "totalAttempts": len(notification.attempts),
        "successfulDeliveries": states.count(State.SUCCEEDED),
        "failedDeliveries": sum(state in failed for state in states),
    }


def _times(
    notification: Notification, verdict: Verdict, queued_at: datetime, now: datetime
) -> dict[str, Any]:
    """Return the times that are written once; one that stands is kept."""
    started = min((attempt.timestamp for attempt in notification.attempts), default=now)
    times = {"queuedAt": min(queued_at, started), "processingStartedAt": started}
    if verdict.phase in FINAL:
        times["completionTime"] = now
    return {key: notification.status.get(key) or format_time(moment) for key, moment in times.items()}


def _next_attempt(
    steps: Iterable[Progress], in_flight: AbstractSet[str], held: Mapping[str, datetime]
) -> datetime | None:
    times = (step.due(held) for step in steps if step.open and step.channel not in in_flight)
    return min((moment for moment in times if moment is not None), default=None)


def _entry(attempt: Attempt) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "channel": attempt.channel,
        "attempt": attempt.number,
        "timestamp": format_time(attempt.timestamp),
        "status": attempt.status.value,
        "durationSeconds": round(attempt.duration, 6),
    }
    if attempt.error is not None:
        entry["error"] = attempt.error
    if attempt.permanent:
        entry["permanent"] = True
    if attempt.retry_after is not None:
        entry["retryAfterSeconds"] = attempt.retry_after
    if attempt.circuit_open:
        entry["circuitOpen"] = True
    return entry
