"""One reconciliation of one notification: read, plan, deliver, fold, write, publish."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from atomic_status import (
    Applied,
    Gone,
    ObjectRef,
    Rejected,
    StatusError,
    Unavailable,
    Unchanged,
    apply,
)
from notification_operator.controller.request import Result
from notification_operator.domain.fold import excluding_attempts, fold, merge_attempts
from notification_operator.domain.hold import NO_HOLDS, Hold
from notification_operator.domain.model import parse
from notification_operator.domain.phases import FINAL
from notification_operator.domain.plan import plan
from notification_operator.observers.publisher import Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from atomic_status import StatusStore
    from notification_operator.controller.request import Key, Request
    from notification_operator.delivery.attempt_tracker import AttemptTracker, ObjectAttempts
    from notification_operator.delivery.dispatcher import Dispatcher
    from notification_operator.domain.model import Attempt, Notification
    from notification_operator.domain.routing.route import Route
    from notification_operator.domain.routing.state import RoutingState
    from notification_operator.observers.metrics import MetricsObserver
    from notification_operator.observers.publisher import Publisher

STALLED_AFTER: Final = 8
"""Consecutive failures, the last of them a refusal of the object itself, after which it is stalled."""
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
    """Decides whether this process may start attempts."""

    def may_start(self, uid: str) -> bool:
        """Return whether new attempts of an object may start now."""
        ...


class Routing(Protocol):
    """Holds the routing rules."""

    @property
    def state(self) -> RoutingState:
        """The rules in force."""
        ...


class Reconciler:
    """Brings a notification's status up to date; holds no state of its own."""

    def __init__(  # noqa: PLR0913 - seven collaborators, and what time it is
        self,
        *,
        store: StatusStore,
        attempts: AttemptTracker[Key],
        dispatcher: Dispatcher,
        routing: Routing,
        ownership: Ownership,
        publisher: Publisher,
        metrics: MetricsObserver,
        clock: Callable[[], datetime],
        visible_after: float,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._dispatcher = dispatcher
        self._routing = routing
        self._ownership = ownership
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._visible_after = visible_after
        """Seconds after which a running delivery is shown as Sending."""

    async def reconcile(self, request: Request) -> Result:
        """Reconcile a notification; never called concurrently for the same key."""
        uid = request.key.uid
        observed: set[str] = set()
        try:
            with self._metrics.measured(uid):
                return await self._reconcile(request, observed)
        except Gone:
            self._attempts.forget(uid)
            return Result(final=True)
        except StatusError as error:
            if request.failures + 1 >= STALLED_AFTER and _refuses_object(error):
                return self._stall(request.key, error, frozenset(observed))
            logger.warning("status not written; retrying", notification=str(error.ref), error=str(error))
            return Result(error=error)

    async def _reconcile(self, request: Request, observed: set[str]) -> Result:
        key = request.key
        ref = ObjectRef(namespace=key.namespace, name=key.name, uid=key.uid)
        attempts = self._attempts.open(key)
        fresh = await self._store.read(ref)
        observed.add(fresh["metadata"]["resourceVersion"])
        # Attempts are forgotten during a read only if the object is gone, or belongs to another process now.
        if attempts.forgotten or fresh["metadata"]["uid"] != key.uid:
            raise Gone(ref)
        attempts.mute()
        notification, rules = parse(fresh), self._routing.state
        route = attempts.route or rules.route(notification)
        may_start = self._ownership.may_start(key.uid)
        started, asked = self._start_due(notification, route, attempts) if may_start else (False, NO_HOLDS)
        if started:
            await request.without_worker(attempts.wait(self._visible_after))
        finished = attempts.finished
        waits = _Waits(
            open_breakers=self._dispatcher.open_breakers(notification, route),
            holds={**self._dispatcher.pauses(notification, route), **asked},
        )
        next_status = _change(request, attempts, rules, waits=waits, clock=self._clock)
        outcome = await apply(self._store, ref, next_status, base=fresh)
        attempts.acknowledge(finished)
        attempts.unmute()
        after = self._publish(outcome, finished)
        result = _result(after, observed=_versions(fresh, outcome), now=self._clock())
        # The queue parks the key until attempts may start.
        return result if may_start or result.final else replace(result, requeue_after=0.0)

    def _stall(self, key: Key, error: StatusError, observed: frozenset[str]) -> Result:
        """Retry no longer until the object changes; a shutdown does not wait for its attempts."""
        logger.error(
            "status refused by the API server; waiting for a change of the notification",
            notification=str(error.ref),
            error=str(error),
            seconds=STALLED_RETRY,
        )
        self._attempts.open(key).stall()
        self._publisher.publish_refusal(key, error)
        return Result(error=error, stalled=True, observed_versions=observed, requeue_after=STALLED_RETRY)

    def _start_due(
        self, notification: Notification, route: Route, attempts: ObjectAttempts[Key]
    ) -> tuple[bool, Mapping[str, Hold]]:
        """Start the attempts that are due; return whether there are any, and which channels take no message now."""
        known = merge_attempts(notification, attempts.finished)
        open_breakers = self._dispatcher.open_breakers(notification, route)
        planned = plan(
            known, route, in_flight=attempts.running, open_breakers=open_breakers, now=self._clock()
        )
        if not planned.sends:
            return False, NO_HOLDS
        message = self._dispatcher.prepare(notification, route)
        started, asked = False, dict[str, Hold]()
        for send in planned.sends:
            if hold := self._dispatcher.ask(send, message):
                asked[send.channel] = hold
                continue
            started = True
            attempts.start(
                send.channel,
                route,
                self._dispatcher.attempt(send, message),
                failed=partial(self._dispatcher.failure, send),
            )
        return started, asked

    def _publish(self, outcome: Applied | Unchanged, finished: Iterable[Attempt]) -> Notification:
        """Publish what is new in the status, also if the answer to a write was lost; return the notification."""
        if isinstance(outcome, Applied):
            self._metrics.count_conflicts(outcome.attempts - 1)
        before = parse(outcome.before if isinstance(outcome, Applied) else outcome.current)
        after = parse(outcome.after) if isinstance(outcome, Applied) else before
        published = excluding_attempts(before, finished)
        self._metrics.track_phase(after.uid, after.phase)
        if published is not after:
            self._publisher.publish(Transition(before=published, after=after))
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waits:
    """What a notification waits for, by channel, besides its own backoff."""

    open_breakers: Mapping[str, datetime]
    holds: Mapping[str, Hold]


def _change(
    request: Request,
    attempts: ObjectAttempts[Key],
    rules: RoutingState,
    *,
    waits: _Waits,
    clock: Callable[[], datetime],
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the pure function from a fresh read to the next status; attempts that finish later do not change it."""
    finished, running = attempts.finished, attempts.running

    def next_status(obj: dict[str, Any]) -> dict[str, Any]:
        current = parse(obj)
        return fold(
            current,
            finished,
            route=attempts.route or rules.route(current),
            in_flight=running,
            open_breakers=waits.open_breakers,
            holds=waits.holds,
            queued_at=request.queued_at,
            now=clock(),
        ).dump()

    return next_status


def _result(notification: Notification, *, observed: frozenset[str], now: datetime) -> Result:
    if notification.phase in FINAL:
        return Result(observed_versions=observed, final=True)
    due = notification.status.next_attempt_at
    delay = None if due is None else (due - now).total_seconds()
    return Result(observed_versions=observed, requeue_after=delay)


def _refuses_object(error: StatusError) -> bool:
    """Return whether the API server refuses the object itself, so that a retry of the same write is useless."""
    if isinstance(error, Rejected):
        return error.code in REFUSED_CODES
    return isinstance(error, Unavailable) and TOO_LARGE_FOR_ETCD in str(error)


def _versions(fresh: dict[str, Any], outcome: Applied | Unchanged) -> frozenset[str]:
    written = (outcome.before, outcome.after) if isinstance(outcome, Applied) else (outcome.current,)
    return frozenset(obj["metadata"]["resourceVersion"] for obj in (fresh, *written))
