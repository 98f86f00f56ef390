"""One reconciliation of one notification: what it read, the attempts it starts, and its one write.

The fold runs inside the retry-on-conflict loop, from the object of the current read (DD-STATUS-001). Finished attempts
stay in the tracker until a write holds them (DD-LEDGER-001).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from atomic_status import Applied, Gone, Unavailable, Unchanged, apply
from notification_domain.decisions.endings import expires_at
from notification_domain.folding.fold import excluding_attempts, fold
from notification_domain.incident import widened
from notification_domain.model import parse
from notification_domain.situation import Situation
from notification_domain.status import Status
from notification_operator.controller.attempt_tracker import StatusWrite
from notification_operator.controller.request import ref_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime
    from types import TracebackType

    from atomic_status import StatusStore
    from notification_domain.attempt import Attempt
    from notification_domain.key import Key
    from notification_domain.model import Notification
    from notification_domain.routing import Route, Rules
    from notification_operator.controller.attempt_tracker import AttemptTracker, ObjectAttempts
    from notification_operator.controller.request import Request
    from notification_operator.endpoints.budget import BudgetLease, Reservation


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write has done, or an earlier one whose answer was lost."""

    before: Notification
    """The notification before whatever is new in its status; `after` itself if nothing is."""
    after: Notification
    conflicts: int
    """The writes that conflicted."""
    at: datetime
    """The time of the decision, which the times in the status are relative to."""


class Reconciliation:
    """Reads a notification on entry; at the end, what has not been written requests the next reconciliation.

    After an error nothing requests it: the work queue repeats the reconciliation with a backoff.

    Raises:
        Gone: on entry, if the object does not exist any more, or was forgotten during the read.
        StatusError: on entry, if it cannot be read.
    """

    notification: Notification
    """The notification as it was read."""
    route: Route
    """Where the notification goes; fallbacks are not followed."""
    lease: BudgetLease
    """The room for the content of its attempts."""

    def __init__(  # noqa: PLR0913 - what it asks
        self,
        request: Request,
        *,
        store: StatusStore,
        tracker: AttemptTracker,
        rules: Callable[[], Rules],
        permission: Callable[[], bool],
        clock: Callable[[], datetime],
        spread: Callable[[], float],
    ) -> None:
        self.request = request
        self.permission = permission
        """Tells whether attempts that follow from what is read may begin."""
        self.observed: set[str] = set()
        """The resourceVersions that were read or written."""
        self._ref = ref_of(request.key)
        self._store = store
        self._tracker = tracker
        self._rules_in_force = rules
        self._clock = clock
        self._spread = spread
        self._attempts: ObjectAttempts
        self._rules: Rules
        self._fresh: dict[str, Any]
        self.version = ""
        """The resourceVersion of the notification as it was read."""
        self._repeats: StatusWrite | None = None
        """The lost write that is repeated, because it may still be applied to the object as it was read."""
        self._decided: StatusWrite
        """The latest decision, and its time."""
        self._at: datetime
        self.note = ""
        """What each attempt that starts notes about itself."""
        self._tracked: Route | None = None
        """The route of the tracked attempts."""
        self._reached: Mapping[str, bool] = {}
        """The targets that the incident may have reached, where the notification also goes; see `Incident.reached`."""

    async def __aenter__(self) -> Self:
        self.lease = self._tracker.lease(self.request.key)
        self._attempts = self._tracker.of(self.request.key)
        try:
            await self._read()
        except BaseException:
            self.lease.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._attempts.end()
        self.lease.close()

    @property
    def running(self) -> AbstractSet[str]:
        """The targets that have a running attempt."""
        return self._attempts.running

    @property
    def finished(self) -> tuple[Attempt, ...]:
        """The finished attempts that no write is known to hold."""
        return self._attempts.finished

    @property
    def repeats_write(self) -> bool:
        """Whether an earlier write may still be applied: it may end or suppress what a new attempt would send."""
        return self._repeats is not None

    @property
    def may_start(self) -> bool:
        """Whether this reconciliation may start attempts now."""
        return not self.repeats_write and self.permission()

    async def _read(self) -> None:
        self._fresh = await self._store.read(self._ref)
        meta = self._fresh["metadata"]
        self.version = meta["resourceVersion"]
        self.observed.add(self.version)
        if meta["uid"] != self._ref.uid:
            raise Gone(self._ref)
        self.check_present()
        self._attempts.begin()
        lost = self._attempts.lost
        self._repeats = lost if lost is not None and lost.version == self.version else None
        self.notification, self._rules = parse(self._fresh), self._rules_in_force()
        self._attempts.deleted = self.notification.deleted
        self.route = self._rules.route(self.notification, self._attempts.route)

    def situation(self) -> Situation:
        """Return what is known of the notification as it was read, now."""
        return Situation(
            now=self._clock(), notification=self.notification, route=self.route, running=self.running
        )

    async def without_object(self, awaitable: Awaitable[None]) -> None:
        """Await something slow without a worker and without the object, which is then read again.

        Any number of reconciliations may wait so, because they hold no content (DD-BOUNDS-001).

        Raises:
            Gone: the object does not exist any more, or was forgotten meanwhile.
            StatusError: it cannot be read.
        """
        del self.notification, self._fresh
        await self.request.without_worker(awaitable)
        self.check_present()
        await self._read()

    def may_call(self, is_outdated: Callable[[], bool] = lambda: False) -> Callable[[], bool]:
        """Return what tells whether an attempt may still begin its call once it has a slot; it holds no content.

        `is_outdated` tells whether the incident ends the notification at the target of the attempt.
        """
        attempts, permission, clock = self._attempts, self.permission, self._clock
        deadline = expires_at(self.notification)

        def may_call() -> bool:
            withdrawn = attempts.forgotten or attempts.deleted
            expired = deadline is not None and deadline <= clock()
            return permission() and not (withdrawn or expired or is_outdated())

        return may_call

    def widen(self, reached: Mapping[str, bool]) -> None:
        """Let the notification also go to targets that the incident may have reached."""
        self._reached = {**self._reached, **reached}
        self.route = self._widened(self.notification, self.route)

    def check_present(self) -> None:
        """Raise `Gone` if the object was forgotten since: it is gone, or belongs to another process now."""
        if self._attempts.forgotten:
            raise Gone(self._ref)

    def start(
        self,
        channel: str,
        attempt: Coroutine[None, None, Attempt],
        *,
        failed: Callable[[BaseException], Attempt],
        reservation: Reservation,
    ) -> None:
        """Start an attempt, as `ObjectAttempts.start` does."""
        attempt = _noting(attempt, self.note) if self.note else attempt
        self._attempts.start(channel, self.route, attempt, failed=failed, reservation=reservation)

    async def wait_for_attempts(self, seconds: float) -> None:
        """Let another reconciliation use the worker until no attempt is running, or for so many seconds."""
        await self.request.without_worker(self._attempts.wait(seconds))

    async def write(
        self,
        situation: Situation,
        *,
        decided: Callable[[Notification, Status], None],
    ) -> Written:
        """Fold the finished attempts into the status, in one write; attempts that finish later do not change it.

        `decided` gets each read with its status, before that is written.

        A write without an answer is repeated as it was, as long as it may still be applied. It may end the notification or
        suppress a target: an attempt that another decision started meanwhile would then remain without a record.

        Raises:
            StatusError: the status was not written, or it is not known; the attempts stay in the tracker.
        """
        attempts, finished, running = self._attempts, self._attempts.finished, self._attempts.running
        self._tracked = attempts.route
        if attempts.forgotten:
            self.route = self._widened(self.notification, self._rules.route(self.notification))

        def decide(obj: dict[str, Any]) -> dict[str, Any]:
            version, self._at = obj["metadata"]["resourceVersion"], self._clock()
            if self._repeats is not None and self._repeats.version == version:
                self._decided = self._repeats
                return self._repeats.status
            current = self._parsed(obj)
            # After a conflict, this is a later read than that of the reconciliation.
            attempts.deleted = current.deleted
            present = replace(
                situation.moved_to(self._at),
                now=self._at,
                notification=current,
                route=self._route_of(current),
                running=running,
            )
            status = fold(present, finished, queued_at=self.request.queued_at)
            decided(current, status)
            self._decided = StatusWrite(version=version, status=status.dump(), recorded=finished)
            return self._decided.status

        unanswered = attempts.begin_write(self.notification)
        try:
            outcome = await apply(self._store, self._ref, decide, base=self._fresh, spread=self._spread)
        except Unavailable:
            attempts.lost = self._decided
            raise
        attempts.acknowledge(self._decided.recorded)
        return self._written(outcome, unanswered)

    def _written(self, outcome: Applied | Unchanged, unanswered: Notification) -> Written:
        """Return what is new, also where the answer to an earlier write was lost."""
        if isinstance(outcome, Applied):
            self.observed |= {each["metadata"]["resourceVersion"] for each in (outcome.before, outcome.after)}
            read = self._parsed(outcome.before)
            # A write changes nothing but the status.
            after = replace(read, status=Status.parse(outcome.after))
        else:
            self.observed.add(outcome.current["metadata"]["resourceVersion"])
            read = after = self._parsed(outcome.current)
        before = excluding_attempts(read, self._decided.recorded, route=self._route_of(read))
        if unanswered.phase is not before.phase:
            before = replace(before, status=replace(before.status, phase=unanswered.phase))
        conflicts = outcome.attempts - 1 if isinstance(outcome, Applied) else 0
        return Written(before=before, after=after, conflicts=conflicts, at=self._at)

    def _parsed(self, obj: Mapping[str, Any]) -> Notification:
        """Parse an object; the version that the reconciliation began with is parsed already."""
        return self.notification if obj["metadata"]["resourceVersion"] == self.version else parse(obj)

    def _route_of(self, notification: Notification) -> Route:
        """Return the route of a version of the notification; the targets of tracked attempts stay."""
        return (
            self.route
            if notification is self.notification
            else self._widened(notification, self._rules.route(notification, self._tracked))
        )

    def _widened(self, notification: Notification, route: Route) -> Route:
        if not self._reached:
            return route
        resolver, own = self._rules.resolver, route.targets
        reached = {
            each: owed
            for each, owed in self._reached.items()
            if each in own or resolver.leads(notification, each, self._reached)
        }
        return widened(route, reached, resolver.rules(notification, reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliations:
    """What all reconciliations of this process share."""

    store: StatusStore
    tracker: AttemptTracker
    rules: Callable[[], Rules]
    permission: Callable[[Key], Callable[[], bool]]
    """Returns what tells whether attempts that follow from what is read now may begin."""
    clock: Callable[[], datetime]
    spread: Callable[[], float]

    def of(self, request: Request) -> Reconciliation:
        """Return the reconciliation of a request, which has not begun."""
        return Reconciliation(
            request,
            store=self.store,
            tracker=self.tracker,
            rules=self.rules,
            permission=self.permission(request.key),
            clock=self.clock,
            spread=self.spread,
        )


async def _noting(attempt: Coroutine[None, None, Attempt], note: str) -> Attempt:
    return (await attempt).noting(note)
