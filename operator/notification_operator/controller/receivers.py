"""Keeps the status of the receivers up to date: the second controller on `atomic_status`.

Each write is one fresh read, all changes in memory, and one status update that is retried on conflict (DD-PERF-001,
SP-CACHE-001, DD-STATUS-001). What is written is decided by `domain.receivers.fold`.

A transition is written at once. Everything else, such as the time of the latest success, changes with every message,
so it is written at most every 30 seconds, and the number of messages that wait at most every minute.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf
from random import random
from typing import TYPE_CHECKING, Final

import structlog

from atomic_status import Applied, Gone, Rejected, StatusError, Unavailable, apply
from notification_domain.key import Key
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.declared import requested_test
from notification_domain.receivers.fold import OwnerFacts, entry_of, fold, is_test_due, outlived_at
from notification_domain.receivers.health import assess
from notification_domain.receivers.status import ReceiverStatus
from notification_operator.controller.receiver_tester import ReceiverTests
from notification_operator.controller.receiver_views import TRANSITION_INTERVAL, View, Written
from notification_operator.controller.request import Result, ref_of
from notification_operator.controller.workqueue import WorkQueue, backoff
from notification_runtime.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from atomic_status import JsonObject, StatusStore
    from notification_domain.receivers.catalog import Receiver
    from notification_domain.receivers.declared import Declared
    from notification_operator.controller.receiver_tester import ReceiverTester
    from notification_operator.controller.request import Request
    from notification_operator.endpoints.registry import Endpoints

logger = structlog.get_logger(__name__)

CONCURRENT_WRITES: Final = 4
REFUSED_RETRY: Final = 300.0
"""Seconds until a write is retried that the API server refuses for good, as without the permission."""
MAX_VIEWS: Final = 128
"""Views that are remembered for sharing: the ones used most recently."""


class ReceiverStatusController:
    """Writes the status of each receiver: every replica its own entry, the owner of the object the rest.

    Args:
        store: the status of receivers.
        receivers: returns all receivers that exist.
        declared: returns what was seen last of a receiver; None if it does not exist.
        owns: returns whether this replica owns the object with a uid now.
        examined: returns whether it is known what a receiver lacks; nothing is written of it before.
        waiting: returns how many messages for a receiver are not delivered yet.
        publish: takes each object that was written, as it was before and as it is after.
        replica: the name of this replica's entries.
        home: the operator's own namespace.
        types_elsewhere: the types that receivers in other namespaces may have; None: all.
        spread: returns random numbers in [0, 1).
    """

    def __init__(  # noqa: PLR0913 - what it reports on, and whom it asks
        self,
        *,
        store: StatusStore,
        receivers: Callable[[], Iterable[ReceiverKey]],
        declared: Callable[[ReceiverKey], Declared | None],
        owns: Callable[[str], bool],
        examined: Callable[[Receiver], bool],
        endpoints: Endpoints,
        waiting: Callable[[ReceiverKey], int],
        tester: ReceiverTester,
        publish: Callable[[JsonObject, JsonObject], None],
        replica: str,
        home: str,
        types_elsewhere: Sequence[str] | None = None,
        clock: Callable[[], datetime],
        spread: Callable[[], float] = random,
    ) -> None:
        self._store = store
        self._waiting = waiting
        self._publish = publish
        self._receivers = receivers
        self._declared = declared
        self._owns = owns
        self._examined = examined
        self._endpoints = endpoints
        self._replica = replica
        self._home = home
        self._types_elsewhere = types_elsewhere
        self._clock = clock
        self._spread = spread
        self._queue = WorkQueue(workers=CONCURRENT_WRITES, clock=clock)
        self._tests = ReceiverTests(tester, on_result=self._queue.add)
        self._test_tasks: asyncio.TaskGroup
        self._written: dict[ReceiverKey, Written] = {}
        self._shared: LruMap[View, View] = LruMap(MAX_VIEWS)
        """Most of a thousand receivers have an equal view."""

    @property
    def keys(self) -> frozenset[Key]:
        """Every receiver that anything is planned or remembered for."""
        written = (Key(key.namespace, key.name, each.uid) for key, each in self._written.items())
        return self._queue.keys.union(written)

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as self._test_tasks:
            await self._queue.run(self._reconcile, admit=lambda _key: True)

    def note_all(self) -> None:
        """Look at the receivers that this replica owns now and did not own before, or the other way round."""
        for key in tuple(self._receivers()):
            declared, written = self._declared(key), self._written.get(key)
            view = written and written.view
            # Only this is asked: what a receiver lacks takes longer to find out, for a thousand of them at once.
            if declared is not None and self._owns(declared.uid) != bool(view and view.owner):
                self.note(key)

    def note(self, key: ReceiverKey) -> None:
        """Write soon what has changed about a receiver: its health, its spec, its Secrets, a request, or that it is gone."""
        try:
            self._note(key)
        except Exception:
            logger.exception("change of receiver not noted", receiver=str(key))

    def _note(self, key: ReceiverKey) -> None:
        declared, written = self._declared(key), self._written.get(key)
        if written is not None and (declared is None or declared.uid != written.uid):
            self._forget(Key(key.namespace, key.name, written.uid))
            written = None
        if declared is None:
            return
        queue_key = Key(key.namespace, key.name, declared.uid)
        if written is None:
            self._queue.add(queue_key)
        elif (due := written.due(self._view(declared))) is not None:
            self._add_at(queue_key, due)

    def _add_at(self, key: Key, time: float) -> None:
        seconds = time - asyncio.get_running_loop().time()
        if seconds > 0:
            self._queue.add_after(key, seconds)
        else:
            self._queue.add(key)

    def _forget(self, key: Key) -> None:
        self._queue.forget(key)
        self._tests.forget(key)
        name = ReceiverKey(key.namespace, key.name)
        written = self._written.get(name)
        if written is not None and written.uid == key.uid:
            del self._written[name]

    async def _reconcile(self, request: Request) -> Result:
        """Bring the status of a receiver up to date; never called concurrently for the same key."""
        queue_key = request.key
        declared = self._present(queue_key)
        view = None if declared is None else self._view(declared)
        if declared is None or view is None or not (view.has_content or self._has_counted(declared.key)):
            # What another owner writes from now on is not known here.
            return self._ended(queue_key)
        if not view.owner:
            self._tests.forget(queue_key)
        if (seconds := self._wait(declared, queue_key, view)) != 0.0:
            return Result(final=True, requeue_after=seconds)
        decided: list[ReceiverStatus] = []
        try:
            fresh = await self._write(queue_key, view, decided)
        except StatusError as error:
            if isinstance(error, Gone) or self._present(queue_key) is None:
                return self._ended(queue_key)
            return self._retry(request, error, read=bool(decided))
        if self._present(queue_key) is None:
            # Another receiver may have its name now, and may have been written meanwhile.
            return self._ended(queue_key)
        now = asyncio.get_running_loop().time()
        # The key of the catalog is used: a copy of it would stay in memory.
        shared = self._shared.use(view, lambda: view)
        written = Written.now(declared.uid, shared, now, spread=self._spread())
        if view.owner:
            self._start_test(queue_key, fresh)
            drop_at = max(now + self._outlived(decided), written.change_at)
            written = replace(written, refresh_at=min(written.refresh_at, drop_at))
        self._written[declared.key] = written
        due = written.refresh_at - now
        return Result(final=True, requeue_after=due if due < inf else None)

    def _outlived(self, decided: Sequence[ReceiverStatus]) -> float:
        """Return the seconds until an entry of another replica, which may have ended, does not count any more."""
        at = outlived_at(decided[-1], self._replica)
        return inf if at is None else max((at - self._clock()).total_seconds(), 0.0) + TRANSITION_INTERVAL

    def _has_counted(self, key: ReceiverKey) -> bool:
        """Return whether the status still holds messages of this replica that wait."""
        written = self._written.get(key)
        return written is not None and written.view is not None and written.view.waiting > 0

    def _view(self, declared: Declared) -> View:
        """Return what this replica knows of a receiver now."""
        owner, health = self._owns(declared.uid), self._endpoints.health(declared.key)
        return View(
            generation=declared.generation,
            owner=owner,
            health=health,
            healthy=assess(entry_of(self._replica, health, self._clock())).reason,
            readiness=self._endpoints.readiness(declared.receiver) if owner and declared.receiver else None,
            test_requested_at=declared.test_requested_at if owner else "",
            waiting=self._waiting(declared.key),
            excess=declared.problems[0] if owner and declared.is_excess else "",
        )

    def _present(self, queue_key: Key) -> Declared | None:
        """Return what was seen last of a receiver; None if it is gone, also if another one has its name."""
        declared = self._declared(ReceiverKey(queue_key.namespace, queue_key.name))
        return declared if declared is not None and declared.uid == queue_key.uid else None

    def _ended(self, queue_key: Key) -> Result:
        """Forget a receiver; nothing more is written about it."""
        self._forget(queue_key)
        return Result(final=True)

    def _wait(self, declared: Declared, queue_key: Key, view: View) -> float | None:
        """Return the seconds until the status may be written; None if there is nothing to write.

        What was noted during a write may be in it already, or come too early after it.
        """
        if view.owner and declared.receiver is not None and not self._examined(declared.receiver):
            return TRANSITION_INTERVAL
        written = self._written.get(ReceiverKey(queue_key.namespace, queue_key.name))
        if written is None:
            return None if view.is_premature else 0.0
        if self._tests.result(queue_key) is not None:
            return 0.0
        due = written.due(view)
        return None if due is None else max(due - asyncio.get_running_loop().time(), 0.0)

    async def _write(self, key: Key, view: View, decided: list[ReceiverStatus]) -> JsonObject:
        """Write the status if it changes, and add it to `decided` before; return the object as it is then."""
        now, owner = self._clock(), None
        test = self._tests.result(key)
        if view.owner:
            owner = OwnerFacts(
                home=self._home,
                types_elsewhere=self._types_elsewhere,
                readiness=view.readiness,
                test=test,
                excess=view.excess,
            )

        def next_status(obj: JsonObject) -> JsonObject:
            status = fold(
                obj,
                replica=self._replica,
                health=view.health,
                waiting=view.waiting,
                owner=owner,
                now=now,
            )
            decided.append(status)
            return decided[-1].dump()

        outcome = await apply(self._store, ref_of(key), next_status, spread=self._spread)
        self._tests.recorded(key, test)
        if not isinstance(outcome, Applied):
            return outcome.current
        self._publish(outcome.before, outcome.after)
        return outcome.after

    def _start_test(self, key: Key, fresh: JsonObject) -> None:
        """Send a test message if one was asked for that the status does not answer."""
        requested, last = requested_test(fresh), ReceiverStatus.parse(fresh).last_test
        if is_test_due(requested, last, self._clock()):
            self._tests.start(key, requested, self._test_tasks)

    def _retry(self, request: Request, error: StatusError, *, read: bool) -> Result:
        """Return when to try again, and let no change of the receiver try earlier; log the first of several failures.

        After a failed read, the status is what it was; after a failed write, it may be either.
        """
        if not request.failures:
            logger.warning("receiver status not written; retrying", receiver=str(error.ref), error=str(error))
        seconds = _pause(error, failures=request.failures + 1)
        at = asyncio.get_running_loop().time() + seconds
        key = ReceiverKey(request.key.namespace, request.key.name)
        written = self._written.get(key)
        if read or written is None:
            written = Written(uid=request.key.uid, view=None, transition_at=at, change_at=at, count_at=at)
        self._written[key] = written.not_before(at)
        return Result(error=error, stalled=True, requeue_after=seconds)


def _pause(error: StatusError, *, failures: int) -> float:
    """Return the seconds until a failed write is repeated."""
    if isinstance(error, Rejected):
        return REFUSED_RETRY
    asked = error.retry_after if isinstance(error, Unavailable) else None
    return max(backoff(failures), asked or 0.0)
