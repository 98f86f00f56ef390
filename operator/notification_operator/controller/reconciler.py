"""One pass over one notification, in a straight line: read, plan, deliver, fold, write, tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from atomic_status import Applied, Gone, ObjectRef, StatusError, Unchanged, apply
from notification_operator.controller.workqueue import Done, Key
from notification_operator.delivery.channel import Message
from notification_operator.domain.fold import excluding_attempts, fold, merge_attempts
from notification_operator.domain.model import Notification, parse
from notification_operator.domain.phases import FINAL
from notification_operator.domain.plan import plan
from notification_operator.domain.redaction.redact import redact_content
from notification_operator.domain.text.timestamps import parse_time
from notification_operator.observers.publisher import Transition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime

    from atomic_status import StatusStore
    from notification_operator.delivery.attempt_tracker import Ledger
    from notification_operator.delivery.dispatcher import Dispatcher
    from notification_operator.domain.model import Attempt, Content
    from notification_operator.domain.redaction.redactor import Redactor
    from notification_operator.domain.routing.route import Route
    from notification_operator.domain.routing.state import RoutingState
    from notification_operator.observers.metrics import MetricsObserver
    from notification_operator.observers.publisher import Publisher

logger = structlog.get_logger(__name__)


class Reconciler:
    """The only place that sees every floor; it holds no state of its own."""

    def __init__(  # noqa: PLR0913 - one collaborator a floor
        self,
        *,
        store: StatusStore,
        ledger: Ledger,
        dispatcher: Dispatcher,
        rules: Callable[[], RoutingState],
        publisher: Publisher,
        figures: MetricsObserver,
        redactor: Redactor,
        ring: Callable[[Key], None],
        begins: Callable[[str], bool],
        aside: Callable[[Key, Awaitable[None]], Awaitable[None]],
        clock: Callable[[], datetime],
        visible_after: float,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._rules = rules
        self._publisher = publisher
        self._figures = figures
        self._redactor = redactor
        self._ring = ring
        self._begins = begins
        """Whether tries of an object may begin, by its uid."""
        self._aside = aside
        """Waits in the pass of a key without a worker."""
        self._clock = clock
        self._visible_after = visible_after
        self.draining = False
        """True once the process is to stop: what is under way is recorded, nothing new begins."""

    async def __call__(self, key: Key, queued_at: datetime) -> Done:
        """Make a pass; the work queue never runs two for the same key at once."""
        try:
            with self._figures.measured(key.uid):
                return await self._pass(key, queued_at)
        except Gone:
            self._ledger.forget(key.uid)
            return Done(final=True)
        except StatusError as error:
            logger.warning(
                "status not written, will try again", notification=str(error.ref), error=str(error)
            )
            return Done(failed=True)

    async def _pass(self, key: Key, queued_at: datetime) -> Done:
        ref = ObjectRef(namespace=key.namespace, name=key.name, uid=key.uid)
        held_before = self._ledger.holds(key.uid)
        fresh = await self._store.read(ref)
        # What was held is let go during a read only when another process has to do with the object now, or nobody.
        forgotten = held_before and not self._ledger.holds(key.uid)
        if forgotten or fresh["metadata"]["uid"] != key.uid:
            raise Gone(ref)
        self._ledger.listen(key.uid, None)
        seen, rules = parse(fresh), self._rules()
        route, begins = self._route(seen, rules), self._begins(key.uid)
        if begins and self._start_tries(seen, route):
            await self._aside(key, self._ledger.wait(key.uid, self._visible_after))
        made, in_flight = self._ledger.over(key.uid), self._ledger.channels_in_flight(key.uid)
        held = self._held(seen, route)

        def next_status(obj: dict[str, Any]) -> dict[str, Any]:
            read = parse(obj)
            return fold(
                read,
                made,
                route=self._route(read, rules),
                in_flight=in_flight,
                open_breakers=held,
                queued_at=queued_at,
                now=self._clock(),
            ).dump()

        result = await apply(self._store, ref, next_status, base=fresh)
        self._ledger.settle(key.uid, made)
        self._ledger.listen(key.uid, lambda: self._ring(key))
        self._tell(result, made)
        if isinstance(result, Applied):
            self._figures.count_conflicts(result.attempts - 1)
            done = self._come_back(result.after, {_version(obj) for obj in (fresh, result.before)})
        else:
            done = self._come_back(result.current, {_version(fresh)})
        # A pass that might begin nothing is made again as soon as one may start.
        return done if begins or done.final or self.draining else replace(done, again_in=0.0)

    def _tell(self, result: Applied | Unchanged, made: Iterable[Attempt]) -> None:
        """Announce what has come into the status since the last time, also by a write whose answer was lost."""
        before = parse(result.before if isinstance(result, Applied) else result.current)
        after = parse(result.after) if isinstance(result, Applied) else before
        told = excluding_attempts(before, made)
        self._figures.track_phase(after.uid, after.phase)
        if told is not after:
            self._publisher.publish(Transition(before=told, after=after))

    def _route(self, notification: Notification, rules: RoutingState) -> Route:
        """Return the route; tries that no write holds yet keep the one that they began on."""
        return self._ledger.route(notification.uid) or rules.route(notification)

    def _start_tries(self, seen: Notification, route: Route) -> bool:
        """Start the tries that are due; return whether there are any."""
        known = merge_attempts(seen, self._ledger.over(seen.uid))
        in_flight = self._ledger.channels_in_flight(seen.uid)
        held = self._held(seen, route)
        planned = plan(known, route, in_flight=in_flight, open_breakers=held, now=self._clock())
        if self.draining or not planned.sends:
            return False
        draft = _draft(seen, route, self._redactor.content(seen.content))
        for send in planned.sends:
            message = replace(draft, id=send.id)
            self._ledger.start(seen.uid, send.channel, route, self._dispatcher.attempt(send, message))
        return True

    def _held(self, seen: Notification, route: Route) -> Mapping[str, datetime]:
        """Return the channels whose circuit breaker is open, with the time of its next probe."""
        rules = self._redactor.rules
        return self._dispatcher.held(lambda: _draft(seen, route, redact_content(seen.content, rules)))

    def _come_back(self, obj: dict[str, Any], read: set[str]) -> Done:
        status, seen = obj["status"], frozenset(read | {_version(obj)})
        if status["phase"] in FINAL:
            return Done(seen=seen, final=True)
        due = status.get("nextAttemptAt")
        # At a stop no further try begins; the end of one that is under way rings by itself.
        if due is None or self.draining:
            return Done(seen=seen)
        return Done(seen=seen, again_in=(parse_time(due) - self._clock()).total_seconds())


def _draft(seen: Notification, route: Route, content: Content) -> Message:
    """Return the message of a notification with its sanitised content, without the id of a try."""
    return Message(
        id="",
        namespace=seen.namespace,
        name=seen.name,
        uid=seen.uid,
        created=seen.created,
        channels=route.channels,
        content=content,
    )


def _version(obj: dict[str, Any]) -> str:
    version: str = obj["metadata"]["resourceVersion"]
    return version
