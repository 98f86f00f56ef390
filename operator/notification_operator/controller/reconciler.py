"""One reconciliation of one notification, step by step as in docs/contributing/architecture.md: read, gather, plan, deliver, fold, write, publish."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog

from atomic_status import Gone, Rejected, StatusError, Unavailable
from notification_domain.status import FINAL
from notification_operator.controller.request import Result, ref_of
from notification_operator.observers.publisher import Transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_domain.key import Key
    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.incidents import Incidents
    from notification_operator.controller.reconciliation import Reconciliation, Reconciliations, Written
    from notification_operator.controller.request import Request
    from notification_operator.controller.requeue import Requeue
    from notification_operator.controller.starter import Starter, StartOutcome
    from notification_operator.observers.publisher import MetricsObserver, Publisher

STALLED_AFTER: Final = 8
"""Consecutive failures after which an object is stalled, if the last one is a refusal of the object itself or unexpected."""
STALLED_RETRY: Final = 600.0
"""Seconds until a stalled object is reconciled although it has not changed: the reason may lie elsewhere."""
REFUSED_CODES: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Refusals of the object itself. A refusal of the account is not among them: a permission may follow."""
TOO_LARGE_FOR_ETCD: Final = "request is too large"
"""A part of the message of the API server's 500 for an object beyond etcd's limit."""

logger = structlog.get_logger(__name__)


class Reconciler:
    """Brings a notification's status up to date; holds no state of its own."""

    def __init__(  # noqa: PLR0913 - each step has a collaborator
        self,
        *,
        reconciliations: Reconciliations,
        attempts: AttemptTracker,
        incidents: Incidents,
        starter: Starter,
        requeue: Requeue,
        publisher: Publisher,
        metrics: MetricsObserver,
        may_reconcile: Callable[[Key], bool],
    ) -> None:
        self._reconciliations = reconciliations
        self._attempts = attempts
        self._incidents = incidents
        self._starter = starter
        self._requeue = requeue
        self._publisher = publisher
        self._metrics = metrics
        self._may_reconcile = may_reconcile

    def admits(self, key: Key) -> bool:
        """Return whether a reconciliation may start; a key for which none may gives up its turn."""
        admitted = self._may_reconcile(key)
        if not admitted:
            self._attempts.yield_room(key.uid)
        return admitted

    async def reconcile(self, request: Request) -> Result:
        """Reconcile a notification; never called concurrently for the same key."""
        key = request.key
        reconciliation = self._reconciliations.of(request)
        try:
            with self._metrics.measured(key.uid):
                async with reconciliation:
                    return await self._reconcile(reconciliation)
        except Gone:
            self._attempts.forget(key.uid)
            self._incidents.leave(key)
            return Result(final=True)
        except StatusError as error:
            if request.failures + 1 >= STALLED_AFTER and _refuses_object(error):
                self._report_refusal(key, error)
                return self._stall(reconciliation, error)
            logger.warning("status not written; retrying", notification=str(error.ref), error=str(error))
            asked = error.retry_after if isinstance(error, Unavailable) else None
            return Result(error=error, retry_after=asked)
        except Exception as error:
            if request.failures + 1 < STALLED_AFTER:
                raise
            logger.exception(
                "reconciliation fails each time; waiting for a change of the notification",
                notification=str(ref_of(key)),
                seconds=STALLED_RETRY,
            )
            return self._stall(reconciliation, error)

    async def _reconcile(self, reconciliation: Reconciliation) -> Result:
        membership = self._incidents.membership(reconciliation)
        await membership.join(lambda: self._starter.targets(reconciliation))
        outcome = await self._starter.start(reconciliation, membership)
        if outcome.nothing_to_write:
            self._metrics.track_waiting(reconciliation.notification, queued=outcome.without_room)
            return self._requeue.unwritten(reconciliation, outcome)
        membership.widen()
        situation = self._starter.look_again(reconciliation, outcome)
        written = await reconciliation.write(situation, decided=membership.note_decision)
        membership.note(written.after)
        self._publish(reconciliation, written, outcome)
        return self._requeue.written(reconciliation, outcome, situation.moved_to(written.at), written)

    def _publish(self, reconciliation: Reconciliation, written: Written, outcome: StartOutcome) -> None:
        """Publish what is new in the status: metrics, log, Events, audit."""
        after, redacted, without_room = written.after, outcome.redacted, outcome.without_room
        self._metrics.count_conflicts(written.conflicts)
        self._metrics.track_phase(after.uid, after.phase)
        if after.phase not in FINAL and reconciliation.permission():
            self._metrics.track_waiting(after, queued=without_room)
        if written.before is not after:
            self._publisher.publish(Transition(before=written.before, after=after, redacted=redacted))

    def _report_refusal(self, key: Key, error: StatusError) -> None:
        logger.error(
            "status refused by the API server; waiting for a change of the notification",
            notification=str(error.ref),
            error=str(error),
            seconds=STALLED_RETRY,
        )
        self._publisher.publish_refusal(key, error)

    def _stall(self, reconciliation: Reconciliation, error: Exception) -> Result:
        """Retry no longer until the object changes; neither a shutdown nor the move of a shard waits for its attempts."""
        self._attempts.of(reconciliation.request.key).stall()
        observed = frozenset(reconciliation.observed)
        return Result(error=error, stalled=True, observed_versions=observed, requeue_after=STALLED_RETRY)


def _refuses_object(error: StatusError) -> bool:
    """Return whether the API server refuses the object itself, so that a retry of the same write is useless."""
    if isinstance(error, Rejected):
        return error.code in REFUSED_CODES
    return isinstance(error, Unavailable) and TOO_LARGE_FOR_ETCD in str(error)
