"""From a fresh read and the attempts completed since, to the next status. Folding twice is folding once.

Nothing is incremented: phase, counters and times are computed from the attempts, whose identity is
channel and number. So the result does not depend on how often, or on which read, fold runs
(DD-PERF-001, DD-STATUS-001).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import Phase, TargetReason
from notification_domain.conditions import updated
from notification_domain.decisions.endings import expires_at
from notification_domain.decisions.waits import Wait, wait
from notification_domain.folding.outcome import (
    dead_letter_condition,
    decide_phase,
    delivered_condition,
    only_logged,
    reachable_from,
    refuse,
    refused,
    target_statuses,
    with_suppressions,
)
from notification_domain.json_values import later
from notification_domain.planning.fallback import follow
from notification_domain.planning.progress import Progress, State
from notification_domain.routing import Route, routing_condition
from notification_domain.situation import Situation
from notification_domain.status import FINAL, check_move

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from notification_domain.attempt import Attempt
    from notification_domain.model import Notification
    from notification_domain.planning.hold import Hold
    from notification_domain.status import Status


TOGETHER: Final = 0.25
"""Seconds: targets whose times are no further apart are attempted together. Each time by itself would cost a reconciliation."""


def merge_attempts(notification: Notification, attempts: Iterable[Attempt]) -> Notification:
    """Return the notification with the attempts that it does not hold yet.

    Two processes may make an attempt of the same id, when the first one died or lost its shard and its write
    came late. A message that reached the receiver stays delivered: a success replaces a failure. What may have arrived
    replaces what was certainly refused, and what was made replaces what a circuit breaker rejected.

    Of consecutive attempts that an open circuit breaker rejected, a target keeps the first, so that their
    number is bounded by the number of its other attempts (DD-BREAKER-001).
    """
    completed = sorted(attempts, key=lambda attempt: attempt.ended)
    if not completed:
        return notification
    called = {attempt.key: attempt for attempt in completed if not attempt.circuit_open}
    successes = {key: attempt for key, attempt in called.items() if attempt.succeeded}
    arrived = {key: attempt for key, attempt in called.items() if not attempt.refused}
    recorded = tuple(
        each
        if each.succeeded
        else (called if each.circuit_open else arrived if each.refused else successes).get(each.key, each)
        for each in notification.attempts
    )
    known = {attempt.key for attempt in recorded}
    circuit_open = {attempt.channel: attempt.circuit_open for attempt in recorded}
    new: list[Attempt] = []
    for attempt in completed:
        repeats = attempt.circuit_open and circuit_open.get(attempt.channel, False)
        if attempt.key not in known and not repeats:
            new.append(attempt)
            known.add(attempt.key)
            circuit_open[attempt.channel] = attempt.circuit_open
    if not new and recorded == notification.attempts:
        return notification
    return replace(notification, status=replace(notification.status, attempts=(*recorded, *new)))


def excluding_attempts(
    notification: Notification, attempts: Iterable[Attempt], *, route: Route
) -> Notification:
    """Return the notification as it was before its status held these attempts; itself if it holds none.

    The phase follows from the remaining attempts, as if the notification was not deleted, and no fallback had delivered it
    without them; all other fields stay.
    """
    excluded = {attempt.key for attempt in attempts}
    remaining = tuple(attempt for attempt in notification.attempts if attempt.key not in excluded)
    if len(remaining) == len(notification.attempts):
        return notification
    targets = tuple(
        replace(each, reason=None, suppressed_by="")
        if each.reason is TargetReason.DELIVERED_BY_FALLBACK
        else each
        for each in notification.status.targets
    )
    status = replace(notification.status, targets=targets, attempts=remaining)
    present = replace(notification, deleted=False, status=status)
    _, steps = follow(Situation(now=notification.created, notification=present, route=route))
    decision = decide_phase(steps, notification.retry, present=Phase.PENDING, in_flight=frozenset())
    status = replace(notification.status, attempts=remaining, phase=decision.phase)
    return replace(notification, status=status)


def fold(
    situation: Situation,
    attempts: Iterable[Attempt] = (),
    *,
    queued_at: datetime,
) -> Status:
    """Return the next status; the present one when there is nothing to record.

    Args:
        situation: with the object as just read; fields of other writers survive.
        attempts: completed attempts, whether the read holds them already or not.
        queued_at: the time at which the operator first saw the object.

    Raises:
        IllegalMoveError: the phase machine has no such move.
    """
    fresh, route, running, now = situation.notification, situation.route, situation.running, situation.now
    if fresh.phase in FINAL:
        return fresh.status
    if fresh.too_large and not fresh.names_targets:
        # Routing chooses by labels, and the content of this notification is left out.
        route = Route(targets=fresh.status.target_names or fresh.resolved_channels)
    notification = merge_attempts(with_suppressions(fresh, situation.suppressed), attempts)
    followed, steps = follow(replace(situation, notification=notification, route=route))
    waits = {step.channel: each for step in steps if (each := wait(followed, step)) is not None}
    refusal, shown = notification.too_large or route.refusal, _shown(waits, steps, now)
    if refusal:
        steps = tuple(map(refused, steps))
        decision = refuse(steps, refusal)
    else:
        decision = decide_phase(
            steps,
            notification.retry,
            present=notification.phase,
            in_flight=running,
            holds=shown,
            caps=_caps(followed.route),
            suppresses=bool(situation.suppressed),
        )
    if route.only_logs:
        decision = only_logged(decision)
    if decision.phase is Phase.PENDING:
        return fresh.status
    check_move(reachable_from(fresh.phase, steps), decision.phase)
    status = notification.status
    attempted = {attempt.channel for attempt in status.attempts}
    succeeded = [step.state is State.SUCCEEDED for step in steps if step.channel in attempted]
    started = min((attempt.timestamp for attempt in status.attempts), default=now)
    conditions = (
        delivered_condition(decision),
        *dead_letter_condition(decision),
        *routing_condition(route),
    )
    return replace(
        status,
        phase=decision.phase,
        reason=decision.reason.value,
        message=decision.message,
        observed_generation=notification.generation,
        total_attempts=len(status.attempts),
        successful_deliveries=sum(succeeded),
        failed_deliveries=len(succeeded) - sum(succeeded),
        # Each of these times is set once and then kept.
        queued_at=status.queued_at or min(queued_at, started),
        processing_started_at=status.processing_started_at or started,
        completed_at=status.completed_at or (now if decision.phase in FINAL else None),
        next_attempt_at=earliest_attempt(
            followed, steps, {name for name, each in waits.items() if not each.timed}
        ),
        resolved_channels=status.resolved_channels or (() if notification.names_targets else route.targets),
        targets=target_statuses(
            steps, notification.attempts, running=running, holds=shown, rules=followed.route.rules
        ),
        conditions=updated(status.conditions, conditions, generation=notification.generation, now=now),
    )


def _caps(route: Route) -> Mapping[str, int]:
    """Return how many attempts the receivers of targets allow."""
    return {name: rules.max_attempts for name, rules in route.rules.items() if rules.max_attempts}


def _shown(waits: Mapping[str, Wait], steps: Iterable[Progress], now: datetime) -> Mapping[str, Hold]:
    """Return the holds that delay something: before `spec.notBefore` none does, and the notification is Pending."""
    return {
        step.channel: found.hold
        for step in steps
        if (found := waits.get(step.channel)) is not None
        and found.hold is not None
        and not (step.state is State.NOT_ATTEMPTED and (step.next_at or now) > now)
    }


def next_attempt(situation: Situation, *, without_room: AbstractSet[str] = frozenset()) -> datetime | None:
    """Return the time of the next attempt; None if there is none to wait for.

    It is also the time at which a fallback joins, or at which the notification expires, if that is earlier. A target
    with a running attempt, or without room for one, waits for its end or for room, not for a time.
    """
    return earliest_attempt(*follow(situation), without_room)


def earliest_attempt(
    situation: Situation, steps: Sequence[Progress], untimed: AbstractSet[str] = frozenset()
) -> datetime | None:
    """Return the time of the next attempts, of a fallback, or of the end; the untimed targets wait for something else."""
    notification, now = situation.notification, situation.now
    unfinished = [step for step in steps if step.open]
    if not unfinished or notification.too_large or situation.route.refusal:
        return None
    idle = [step for step in unfinished if step.channel not in situation.running]
    waits = (wait(situation, step) for step in idle if step.channel not in untimed)
    dues = [each.until for each in waits if each is not None]
    others = (*(step.fallback_at for step in unfinished), expires_at(notification) if idle else None)
    times = [moment for moment in others if moment is not None]
    if dues:
        times.append(_together(dues, times, now))
    return min(times, default=None)


def _together(dues: Sequence[datetime], others: Iterable[datetime], now: datetime) -> datetime:
    """Return when the earliest targets are attempted: those with almost the same time together, if nothing else happens before."""
    earliest = min(dues)
    if earliest <= now:
        return earliest
    limit = min([later(earliest, TOGETHER), *others])
    return max((due for due in dues if due < limit), default=earliest)
