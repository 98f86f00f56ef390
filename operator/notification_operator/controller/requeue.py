"""When a notification is reconciled again, and what it waits for until then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notification_domain.decisions.waits import wait
from notification_domain.folding.fold import earliest_attempt, next_attempt
from notification_domain.planning.fallback import follow
from notification_domain.situation import NO_TIMES
from notification_domain.status import FINAL
from notification_operator.controller.request import Result
from notification_operator.controller.still_waits import StillWaits, WaitingTarget
from notification_operator.endpoints.gate import ASK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from notification_domain.model import Notification
    from notification_domain.planning.progress import Progress
    from notification_domain.situation import Situation
    from notification_operator.controller.reconciliation import Reconciliation, Written
    from notification_operator.controller.starter import StartOutcome


class Requeue:
    """Computes the result of a reconciliation."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def unwritten(self, reconciliation: Reconciliation, outcome: StartOutcome) -> Result:
        """Return the result for a notification that has nothing to write; room for it requests it, too."""
        situation = replace(outcome.situation, now=self._clock())
        due = next_attempt(situation, without_room=outcome.without_room)
        return _requeue(reconciliation, situation.notification, due, now=situation.now)

    def written(
        self, reconciliation: Reconciliation, outcome: StartOutcome, situation: Situation, written: Written
    ) -> Result:
        """Return the result after a write, or after one that would change nothing; `situation` is of its time."""
        after, due = written.after, written.after.status.next_attempt_at
        without_room, still_waits = outcome.without_room, None
        # What is not written now may have been recorded by a clock that was ahead.
        if without_room or situation.delays or written.before is after:
            asked_at = situation.now
            situation, steps = follow(
                replace(
                    situation,
                    now=written.at,
                    notification=after,
                    route=reconciliation.route,
                    running=reconciliation.running,
                )
            )
            due = earliest_attempt(situation, steps, without_room)
            if situation.delays and outcome.permitted and after.phase not in FINAL:
                still_waits = self._still_waits(replace(situation, now=asked_at), outcome, steps)
        # A clock that was set back during the write would turn a short wait into a long one.
        now = self._clock()
        result = _requeue(reconciliation, after, due, now=max(now, written.at))
        if not (outcome.permitted or result.final):
            # At once after a repeated write. Otherwise the queue parks the key until attempts may start.
            return replace(result, requeue_after=0.0)
        if still_waits is None:
            return result
        # The first question gives it its place in line.
        left = still_waits.left(now)
        later = min(result.requeue_after or 0.0, ASK_SECONDS) if left is None else left
        return replace(result, still_waits=still_waits, requeue_after=later)

    def _still_waits(
        self, situation: Situation, outcome: StartOutcome, steps: Sequence[Progress]
    ) -> StillWaits | None:
        """Return what a notification still waits for at its destinations; None if it waits for none.

        The recovery of its receiver ends the backoff of a target, which is therefore asked about, too, as long as the breaker is open.
        """
        now, running, undelayed = situation.now, situation.running, situation.undelayed()
        targets, attempts = outcome.targets.along(situation.route), situation.notification.attempts
        delayed = {
            step.channel: WaitingTarget(
                own=own.until if (own := wait(undelayed, step)) is not None else now,
                delay=targets.delay(step.channel, attempts, held=step.channel in situation.holds),
            )
            for step in steps
            if step.channel not in running and (found := wait(situation, step)) is not None and found.delayed
        }
        waiting = outcome.without_room | delayed.keys()
        unrecovered = [
            WaitingTarget(own=now, delay=targets.until_recovery(step.channel, step.retry_from))
            for step in steps
            if step.channel in situation.open_breakers
            and step.channel not in waiting | running
            and step.open
            and step.retry_from is not None
        ]
        if not (delayed or unrecovered):
            return None
        # The end of a backoff is among the other times, whatever becomes of the receiver.
        other = earliest_attempt(replace(undelayed, recovered=NO_TIMES), steps, waiting)
        return StillWaits(targets=(*delayed.values(), *unrecovered), other=other, at=now)


def _requeue(
    reconciliation: Reconciliation, notification: Notification, due: datetime | None, *, now: datetime
) -> Result:
    """Return the result after which the notification is reconciled again when it is due."""
    versions = frozenset(reconciliation.observed)
    if notification.phase in FINAL:
        return Result(observed_versions=versions, final=True)
    delay = None if due is None else (due - now).total_seconds()
    return Result(observed_versions=versions, requeue_after=delay)
