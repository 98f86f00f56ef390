"""One reconciliation of one notification: read, plan, deliver, fold, write, publish."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from atomic_status import (
    Applied,
    Gone,
    Rejected,
    StatusError,
    Unavailable,
    Unchanged,
    apply,
)
from notification_contract.kinds.choices import Phase
from notification_operator.controller.decision import Decision, Waits
from notification_operator.controller.request import Result, ref_of
from notification_operator.domain.folding.fold import next_attempt
from notification_operator.domain.folding.phases import FINAL
from notification_operator.domain.model import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from atomic_status import StatusStore
    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.publication import Publication
    from notification_operator.controller.request import Request
    from notification_operator.controller.starter import Started, Starter
    from notification_operator.delivery.content.budget import BudgetLease
    from notification_operator.domain.key import Key
    from notification_operator.domain.model import Notification
    from notification_operator.domain.routing.route import Route
    from notification_operator.domain.rules import Rules
    from notification_operator.observers.metrics import MetricsObserver

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


class Ownership(Protocol):
    """Decides whether this process may reconcile objects."""

    def admits(self, key: Key) -> bool:
        """Return whether a reconciliation may start."""
        ...


class RuleSource(Protocol):
    """Holds the rules of routing and receivers."""

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        ...


class Reconciler:
    """Brings a notification's status up to date; holds no state of its own."""

    def __init__(  # noqa: PLR0913 - seven collaborators, and what time it is
        self,
        *,
        store: StatusStore,
        attempts: AttemptTracker,
        starter: Starter,
        rules: RuleSource,
        ownership: Ownership,
        publication: Publication,
        metrics: MetricsObserver,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._starter = starter
        self._rules = rules
        self._ownership = ownership
        self._publication = publication
        self._metrics = metrics
        self._clock = clock

    def admits(self, key: Key) -> bool:
        """Return whether a reconciliation may start; a key for which none may gives up its turn."""
        admitted = self._ownership.admits(key)
        if not admitted:
            self._attempts.yield_room(key.uid)
        return admitted

    async def reconcile(self, request: Request) -> Result:
        """Reconcile a notification; never called concurrently for the same key."""
        uid = request.key.uid
        observed: set[str] = set()
        try:
            with self._metrics.measured(uid), self._attempts.lease(request.key) as lease:
                return await self._reconcile(request, lease, observed)
        except Gone:
            self._attempts.forget(uid)
            return Result(final=True)
        except StatusError as error:
            if request.failures + 1 >= STALLED_AFTER and _refuses_object(error):
                self._report_refusal(request.key, error)
                return self._stall(request.key, error, frozenset(observed))
            logger.warning("status not written; retrying", notification=str(error.ref), error=str(error))
            asked = error.retry_after if isinstance(error, Unavailable) else None
            return Result(error=error, retry_after=asked)
        except Exception as error:
            if request.failures + 1 < STALLED_AFTER:
                raise
            logger.exception(
                "reconciliation fails each time; waiting for a change of the notification",
                notification=str(ref_of(request.key)),
                seconds=STALLED_RETRY,
            )
            return self._stall(request.key, error, frozenset(observed))

    async def _reconcile(self, request: Request, lease: BudgetLease, observed: set[str]) -> Result:
        ref, attempts = ref_of(request.key), self._attempts.open(request.key)
        fresh = await self._store.read(ref)
        version = fresh["metadata"]["resourceVersion"]
        observed.add(version)
        # Attempts are forgotten during a read only if the object is gone, or belongs to another process now.
        if attempts.forgotten or fresh["metadata"]["uid"] != ref.uid:
            raise Gone(ref)
        attempts.mute(version)
        notification, rules = parse(fresh), self._rules.rules
        route = rules.route(notification, attempts.route)
        started = await self._starter.start(request, notification, route, attempts, lease)
        if started.nothing_to_write:
            attempts.unmute()
            now = self._clock()
            due = next_attempt(notification, route, without_room=started.without_room, now=now)
            return _result(notification, due, observed=observed, now=now)
        waits = self._starter.waits(notification, started)
        decision = Decision(
            fresh,
            notification,
            attempts=attempts,
            rules=rules,
            waits=waits,
            suppressions=started.suppressions,
            queued_at=request.queued_at,
            clock=self._clock,
        )
        unanswered = attempts.keep(notification)
        try:
            outcome = await apply(self._store, ref, decision, base=fresh)
        except Unavailable:
            attempts.remember(decision.latest)
            raise
        attempts.acknowledge(decision.latest.recorded)
        attempts.unmute()
        after = self._publication.publish(outcome, decision, started.redacted, unanswered=unanswered)
        moved = waits.moved_to(decision.at)
        due = after.status.next_attempt_at
        if started.without_room or moved.any or after.phase is Phase.PENDING:
            due = _due(after, route, started, attempts.running, waits=moved, now=decision.at)
        observed |= _versions(outcome)
        # A clock that was set back during the write would turn a short wait into a long one.
        result = _result(after, due, observed=observed, now=max(self._clock(), decision.at))
        # At once after a repeated write. Otherwise the queue parks the key until attempts may start.
        if not (started.permitted or result.final):
            return replace(result, requeue_after=0.0)
        if not moved.any or result.final:
            return result
        still_waits = self._starter.still_waits(after, started, moved, attempts.running)
        if still_waits is None:
            return result
        # The first question gives it its place in line.
        later = max(result.requeue_after or 0.0, still_waits() or 0.0)
        return replace(result, still_waits=still_waits, requeue_after=later)

    def _report_refusal(self, key: Key, error: StatusError) -> None:
        logger.error(
            "status refused by the API server; waiting for a change of the notification",
            notification=str(error.ref),
            error=str(error),
            seconds=STALLED_RETRY,
        )
        self._publication.publish_refusal(key, error)

    def _stall(self, key: Key, error: Exception, observed: frozenset[str]) -> Result:
        """Retry no longer until the object changes; neither a shutdown nor the move of a shard waits for its attempts."""
        self._attempts.open(key).stall()
        return Result(error=error, stalled=True, observed_versions=observed, requeue_after=STALLED_RETRY)


def _due(  # noqa: PLR0913 - each fact that decides
    notification: Notification,
    route: Route,
    started: Started,
    running: AbstractSet[str],
    *,
    waits: Waits,
    now: datetime,
) -> datetime | None:
    """Return the time of the next attempt; the room itself requests the channels that wait for it."""
    return next_attempt(
        notification,
        route,
        running=running,
        without_room=started.without_room,
        open_breakers=waits.open_breakers,
        holds=waits.holds,
        now=now,
    )


def _result(
    notification: Notification, due: datetime | None, *, observed: AbstractSet[str], now: datetime
) -> Result:
    """Return when to reconcile again."""
    versions = frozenset(observed)
    if notification.phase in FINAL:
        return Result(observed_versions=versions, final=True)
    delay = None if due is None else (due - now).total_seconds()
    return Result(observed_versions=versions, requeue_after=delay)


def _refuses_object(error: StatusError) -> bool:
    """Return whether the API server refuses the object itself, so that a retry of the same write is useless."""
    if isinstance(error, Rejected):
        return error.code in REFUSED_CODES
    return isinstance(error, Unavailable) and TOO_LARGE_FOR_ETCD in str(error)


def _versions(outcome: Applied | Unchanged) -> frozenset[str]:
    written = (outcome.before, outcome.after) if isinstance(outcome, Applied) else (outcome.current,)
    return frozenset(obj["metadata"]["resourceVersion"] for obj in written)
