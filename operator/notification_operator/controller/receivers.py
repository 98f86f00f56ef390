"""Keeps the status of the receivers up to date: the second controller on `atomic_status`.

Each write is one fresh read, all changes in memory, and one status update that is retried on conflict (DD-PERF-001,
SP-CACHE-001, DD-STATUS-001). What is written is decided by `domain.receivers.fold`.

A transition is written at once. Everything else, such as the time of the latest success, changes with every message,
so it is written at most every 30 seconds, and the number of messages that wait at most every minute.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from math import inf
from random import random
from typing import TYPE_CHECKING, Final

import structlog

from atomic_status import Applied, Gone, Rejected, StatusError, Unavailable, apply
from notification_contract import names
from notification_contract.kinds.choices import CircuitState
from notification_operator.controller.receiver_tester import failed
from notification_operator.controller.request import Result, ref_of
from notification_operator.controller.workqueue import WorkQueue, backoff
from notification_operator.domain.error_text import describe
from notification_operator.domain.json_values import moment
from notification_operator.domain.key import Key
from notification_operator.domain.receivers.catalog import ReceiverKey
from notification_operator.domain.receivers.declared import requested_test
from notification_operator.domain.receivers.fold import OwnerFacts, entry_of, fold, is_test_due, outlived_at
from notification_operator.domain.receivers.health import UNTESTED, assess
from notification_operator.domain.receivers.references import ReferenceReason
from notification_operator.domain.receivers.status import LastTest, ReceiverStatus, ReceiverTestResult
from notification_operator.fair.fair_queue import FairSemaphore
from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from atomic_status import JsonObject, StatusStore
    from notification_operator.controller.receiver_tester import ReceiverTester
    from notification_operator.controller.request import Request
    from notification_operator.domain.receivers.catalog import Receiver
    from notification_operator.domain.receivers.declared import Declared
    from notification_operator.domain.receivers.health import Health, Readiness
    from notification_operator.endpoints.registry import Endpoints

logger = structlog.get_logger(__name__)

INTERVAL: Final = 30.0
"""Seconds between two writes of a receiver that bring no transition; up to a fifth more, so that writes spread."""
COUNT_INTERVAL: Final = 60.0
"""The same for a write that brings nothing but another number of messages that wait."""
REFRESH: Final = 330.0
"""Seconds after which a number of messages that wait is said again, so that it outlives the other replicas' patience."""
SPREAD: Final = 0.2
TRANSITION_INTERVAL: Final = 1.0
"""Seconds between two writes of a receiver, whatever they bring: a breaker may open and close in turn."""
CONCURRENT_WRITES: Final = 4
REFUSED_RETRY: Final = 300.0
"""Seconds until a write is retried that the API server refuses for good, as without the permission."""
MAX_VIEWS: Final = 128
"""Views that are remembered for sharing: the ones used most recently."""
TEST_SECONDS: Final = 180.0
"""Time limit of a test; longer than any time limit of a receiver."""
CONCURRENT_TESTS: Final = 8
"""Tests that run at once in this process; namespaces take turns."""
TEST_INTERVAL: Final = 60.0
"""Seconds between two tests of a receiver; a request that comes earlier waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What this replica knows of a receiver. It names none: most of a thousand have an equal one, which is kept once."""

    generation: int
    owner: bool
    health: Health
    healthy: str
    """The reason of the condition Healthy, which decides its status as well."""
    readiness: Readiness | None
    """None where another replica owns the receiver, and while no valid spec was seen."""
    test_requested_at: str
    waiting: int = 0
    """Messages that are not delivered yet."""
    excess: str = ""
    """Why it is one receiver too many; empty if it is not, or where another replica owns it."""

    @property
    def transitions(self) -> tuple[object, ...]:
        """What is written at once when it differs."""
        closed = self.health.circuit in {None, CircuitState.CLOSED}
        ready = self.readiness and (
            self.readiness.generation,
            self.readiness.reason,
            self.readiness.references,
            self.readiness.secret_version,
        )
        # A drill is rare, and its time must outlive a restart right after it.
        drill = self.health.last_drill
        excess = bool(self.excess)
        return self.generation, self.owner, self.healthy, closed, self.test_requested_at, drill, ready, excess

    @property
    def details(self) -> tuple[object, ...]:
        """What is written with the next write when it differs."""
        return self.health, self.readiness, self.excess

    @property
    def has_content(self) -> bool:
        """Whether there is anything to write."""
        return self.owner or self.health != UNTESTED or self.waiting > 0

    @property
    def is_premature(self) -> bool:
        """Whether there is nothing to say before the Secrets were looked for, which takes moments."""
        ready = self.readiness
        pending = ready is not None and ready.references is ReferenceReason.PENDING
        return pending and self.health == UNTESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The latest write, or the latest read that found nothing to write. Times are those of the loop's clock."""

    uid: str
    """The uid of the receiver."""
    view: View | None
    """None where it is not known what the status holds: after a failure."""
    transition_at: float
    """The earliest time of a write that brings a transition."""
    change_at: float
    """The earliest time of a write with any change."""
    count_at: float
    """The earliest time of a write whose only change is the number of messages that wait."""
    refresh_at: float = inf
    """The time at which that number is said again, or the status is looked at again."""

    @classmethod
    def now(cls, uid: str, view: View, time: float, *, spread: float) -> Written:
        """Return a write of this moment; `spread` is a random number in [0, 1)."""
        stretch = 1 + SPREAD * spread
        return cls(
            uid=uid,
            view=view,
            transition_at=time + TRANSITION_INTERVAL,
            change_at=time + INTERVAL * stretch,
            count_at=time + COUNT_INTERVAL * stretch,
            refresh_at=time + REFRESH * stretch if view.waiting else inf,
        )

    def not_before(self, time: float) -> Written:
        """Return the same for one that may write from a time on only."""
        return replace(
            self,
            transition_at=max(self.transition_at, time),
            change_at=max(self.change_at, time),
            count_at=max(self.count_at, time),
        )

    def due(self, view: View) -> float | None:
        """Return the time from which to write; None if there is nothing new."""
        if self.view is None or view.transitions != self.view.transitions:
            return self.transition_at
        if view.details != self.view.details:
            return self.change_at
        if view.waiting != self.view.waiting:
            return self.count_at
        return self.refresh_at if self.refresh_at < inf else None


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
            written = replace(written, refresh_at=min(written.refresh_at, now + self._outlived(decided)))
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

        outcome = await apply(self._store, ref_of(key), next_status)
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


class ReceiverTests:
    """The test messages that are on their way, and the results that no write is known to hold.

    A test is asked for by an annotation, and runs outside the controller's workers: a receiver that hangs delays no
    status. A process that ends between the message and its record leaves the request open, and the next one repeats the
    message under the same delivery id, which is made of the receiver's uid and the time of the request: so a receiver
    that recognizes deliveries sees it once.

    Args:
        on_result: called with the receiver when its test has ended.
    """

    def __init__(self, tester: ReceiverTester, *, on_result: Callable[[Key], None]) -> None:
        self._tester = tester
        self._on_result = on_result
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._results: dict[Key, LastTest] = {}
        self._requested: dict[Key, str] = {}
        """The requests of tests that wait for their turn."""
        self._slots = FairSemaphore(CONCURRENT_TESTS)
        self._next: dict[Key, float] = {}
        """The earliest time of the next test of each receiver that was tested."""

    def result(self, key: Key) -> LastTest | None:
        """Return the result of a test that has ended; None if there is none to record."""
        return self._results.get(key)

    def recorded(self, key: Key, result: LastTest | None) -> None:
        """Forget a result that a write holds, but none that has come since."""
        if result is not None and self._results.get(key) is result:
            del self._results[key]

    def start(self, key: Key, requested_at: str, tasks: asyncio.TaskGroup) -> None:
        """Send a test message, unless a test of this receiver is running or unrecorded; of several that wait, the latest."""
        if key in self._requested:
            self._requested[key] = requested_at
        elif key not in self._running and key not in self._results:
            self._requested[key] = requested_at
            self._running[key] = tasks.create_task(self._run(key), name=f"test of {key.name}")

    def forget(self, key: Key) -> None:
        """End the test of a receiver that was deleted."""
        for remembered in (self._results, self._requested, self._next):
            remembered.pop(key, None)
        running = self._running.pop(key, None)
        if running is not None:
            running.cancel()

    async def _run(self, key: Key) -> None:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(self._next.get(key, 0.0) - now(), 0.0))
        async with self._slots.slot(key.namespace):
            requested_at = self._requested.pop(key)
            self._next[key] = now() + TEST_INTERVAL
            result = await self._result(ReceiverKey(key.namespace, key.name), requested_at)
        logger.info(
            "receiver tested",
            receiver=f"{key.namespace}/{key.name}",
            outcome=result.outcome.value,
            message=result.message,
        )
        del self._running[key]
        self._results[key] = LastTest(
            requested_at=requested_at, outcome=result.outcome, message=result.message
        )
        self._on_result(key)

    async def _result(self, key: ReceiverKey, requested_at: str) -> ReceiverTestResult:
        if moment(requested_at) is None:
            return failed(f"{names.TEST_ANNOTATION} is not a time such as 2026-03-01T12:00:00Z")
        try:
            async with asyncio.timeout(TEST_SECONDS):
                return await self._tester.test(key, requested_at)
        except TimeoutError:
            return failed(f"no result within {TEST_SECONDS:g} s")
        except Exception as error:
            logger.exception("test of receiver failed unexpectedly", receiver=str(key))
            return failed(describe(error))
