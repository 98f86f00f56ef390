"""The progress of each target of a notification, read from its recorded attempts, its route and the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Final

from notification_domain.decisions.endings import ending, recorded_ending
from notification_domain.planning.retry import asked_until, next_attempt_at
from notification_domain.receivers.targets import NO_RULES
from notification_domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from notification_domain.attempt import Attempt
    from notification_domain.model import Notification
    from notification_domain.receivers.targets import TargetRules
    from notification_domain.routing import Route
    from notification_domain.situation import Situation

MOST_ATTEMPTS: Final = 10
"""The most that any policy allows."""


class State(StrEnum):
    NOT_ATTEMPTED = "not attempted"
    BACKING_OFF = "backing off"
    """Failed, with attempts left."""
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    """Failed permanently."""
    EXHAUSTED = "exhausted"
    """Failed as often as the policy allows."""
    SUPPRESSED = "suppressed"
    """Nothing more is sent on purpose; decided before the first attempt, by the incident, by the delivery of the fallback, or by the
    deletion of the notification."""
    EXPIRED = "expired"
    """Not delivered before `spec.deliverBefore`."""


FAILED: Final = frozenset({State.REFUSED, State.EXHAUSTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One target: its state, the number of its next attempt, and the time at which that may start."""

    channel: str
    """The key of the target."""
    state: State
    next_number: int
    next_at: datetime | None = None
    """None for at once, and after the last attempt."""
    retry_from: datetime | None = None
    """The end of the latest attempt that failed, or of the delay that its receiver asked for; the policy's backoff is longer."""
    circuit_open: bool = False
    """Whether the latest attempt records an open circuit breaker."""
    reason: str = ""
    """Why no further attempt is made, or why the latest one failed, in one word, where that is known."""
    failed_at: datetime | None = None
    """When its last attempt ended, if it has failed for good."""
    delivered_by: tuple[str, ...] = ()
    """The targets of its fallback, if all of them have delivered the message: in its place if it is `rescued`."""
    fallback_at: datetime | None = None
    """When its fallback joins, if it is not delivered by then; None if it has none, or if that has joined."""

    @property
    def open(self) -> bool:
        """Whether a further attempt remains."""
        return self.state in {State.NOT_ATTEMPTED, State.BACKING_OFF}

    @property
    def rescued(self) -> bool:
        """Whether its fallback has delivered the message in its place, so that nothing is missing."""
        return self.reason == Reason.DELIVERED_BY_FALLBACK


def progress(situation: Situation) -> tuple[Progress, ...]:
    """Return the progress of each target of a route, in its order; `follow` adds what follows from its fallbacks.

    Running targets are open until their attempt has ended, also if another process has recorded a permanent failure, or no
    attempt is left because fewer are allowed now: a final status could not record it.
    """
    notification, route, running = situation.notification, situation.route, situation.running
    by_target: dict[str, list[Attempt]] = {}
    for attempt in notification.attempts:
        by_target.setdefault(attempt.channel, []).append(attempt)
    steps = [
        _target_progress(notification, route, name, by_target.get(name, []), running=name in running)
        for name in route.targets
    ]
    decided = {
        each.name: reason
        for each in notification.status.targets
        if (reason := recorded_ending(each)) is not None and each.name not in running
    }
    if decided:
        steps = [
            _as_decided(step, decided[step.channel]) if step.channel in decided else step for step in steps
        ]
    return tuple(
        step if not step.open or step.channel in running else _unless_ended(step, situation) for step in steps
    )


def _unless_ended(step: Progress, situation: Situation) -> Progress:
    reason = ending(situation, step)
    if reason is None:
        return step
    return ended(step, State.EXPIRED if reason is Reason.EXPIRED else State.SUPPRESSED, reason)


def _as_decided(step: Progress, reason: Reason) -> Progress:
    if step.open:
        return ended(step, State.SUPPRESSED, reason)
    rescued = step.state in FAILED and reason is Reason.DELIVERED_BY_FALLBACK
    return replace(step, reason=reason) if rescued else step


def ended(step: Progress, state: State, reason: Reason) -> Progress:
    """Return a step on which no further attempt is made, for this reason."""
    return replace(step, state=state, reason=reason, next_at=None)


def _target_progress(
    notification: Notification, route: Route, target: str, attempts: Sequence[Attempt], *, running: bool
) -> Progress:
    last = max(attempts, key=lambda attempt: attempt.number, default=None)
    number = _next_number(attempts)
    rules = route.rules.get(target, NO_RULES)
    if last is None:
        reason = "" if running else _suppression(notification, rules, target)
        if reason:
            return Progress(channel=target, state=State.SUPPRESSED, next_number=number, reason=reason)
        return Progress(
            channel=target, state=State.NOT_ATTEMPTED, next_number=number, next_at=notification.not_before
        )
    if any(attempt.succeeded for attempt in attempts):
        return Progress(channel=target, state=State.SUCCEEDED, next_number=number)
    if not running and any(attempt.permanent for attempt in attempts):
        reason = next((attempt.reason for attempt in attempts if attempt.permanent), "")
        return Progress(
            channel=target,
            state=State.REFUSED,
            next_number=number,
            reason=reason,
            failed_at=_last_end(attempts),
        )
    received = [attempt for attempt in attempts if not attempt.circuit_open]
    if not running and len(received) >= most_attempts(notification, rules):
        return Progress(
            channel=target,
            state=State.EXHAUSTED,
            next_number=number,
            reason=last.reason,
            failed_at=_last_end(attempts),
        )
    reached = max(received, key=lambda attempt: attempt.number, default=None)
    return Progress(
        channel=target,
        state=State.BACKING_OFF,
        next_number=number,
        next_at=_backoff_end(notification, reached, failures=len(received)) if reached else last.ended,
        retry_from=asked_until(notification.retry, reached) if reached else None,
        circuit_open=last.circuit_open,
        reason=last.reason,
    )


def _last_end(attempts: Iterable[Attempt]) -> datetime:
    return max(attempt.ended for attempt in attempts)


def most_attempts(notification: Notification, rules: TargetRules) -> int:
    """Return how many attempts a target may have: by the policy, or by its receiver if that allows fewer."""
    return min(notification.retry.max_attempts, rules.max_attempts or MOST_ATTEMPTS)


def _suppression(notification: Notification, rules: TargetRules, target: str) -> str:
    """Return why nothing is sent to a target that has no attempt; empty if something is."""
    recorded = next((each.suppressed_by for each in notification.status.targets if each.name == target), "")
    # What was muted before its Trigger arrived there, or before that was known, is sent.
    if recorded and recorded != Reason.DELETED and not (rules.owed and recorded == Reason.MUTED):
        return recorded
    # The object itself says whether it is deleted.
    return Reason.MUTED if rules.muted else ""


def _next_number(attempts: Sequence[Attempt]) -> int:
    """Return the number of the next attempt.

    It is not counted from the greatest number: another writer of the status may have used up the numbers.
    """
    used = {attempt.number for attempt in attempts}
    return next(number for number in count(len(attempts) + 1) if number not in used)


def _backoff_end(notification: Notification, failed: Attempt, *, failures: int) -> datetime:
    # The targets share the jitter: with one of its own, each would cost a reconciliation.
    return next_attempt_at(
        notification.retry, failed, failures=failures, seed=f"{notification.uid}:{failures}"
    )
