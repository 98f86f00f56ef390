"""The work queue: decides when a key is reconciled, one reconciliation per key at a time.

Namespaces take turns, so that a burst in one of them delays no other (DD-FAIR-001).

A key that is added during its reconciliation is reconciled once more, unless the event that adds it carries a
resourceVersion that the reconciliation has read or written: such an event, above all the echo of the operator's
own write, brings no news.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.controller.request import Request, Result
from notification_operator.controller.timers import FAR_SECONDS, Timers
from notification_runtime.fair.fair_queue import FairQueue, FairSemaphore
from notification_runtime.telemetry.gauges import QueueStatistics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Sized
    from datetime import datetime

    from notification_domain.key import Key

logger = structlog.get_logger(__name__)

LEFT_DIVISOR: Final = 4
"""The part of the workers that a namespace leaves to other namespaces, a fourth: their reconciliations begin immediately."""
REFILL_DIVISOR: Final = 2
"""The backlog is listed again at once when at most this part of the limit, a half, can be worked on."""
FIRST_BACKOFF, LONGEST_BACKOFF = 0.05, 30.0
"""Seconds before a failed reconciliation is retried: doubled each time, up to the longest."""
MOST_DOUBLINGS: Final = 16
"""Keeps the power finite: 2.0 ** 1024 overflows."""
CANCELLED: Final = Result(error=asyncio.CancelledError("the reconciliation was cancelled"))


class WorkQueue:
    """Reconciles each added key on a bounded number of workers.

    A key that is not admitted when its turn comes is parked until `readmit`, or until it is added again.
    """

    def __init__(self, *, workers: int, clock: Callable[[], datetime], max_keys: int | None = None) -> None:
        self._parked: dict[Key, datetime] = {}
        """Keys that were not admitted, with the time since when each waits."""
        self._timers = Timers(self.add, clock=clock)
        self.backlog: Final = Backlog(max_keys, parked=self._parked, timers=self._timers)
        self._workers = FairSemaphore(workers, of_namespace=workers - workers // LEFT_DIVISOR)
        self._clock = clock
        self._admit: Callable[[Key], bool] = lambda _key: False
        self._turns: asyncio.Queue[Key] = asyncio.Queue()
        """Keys that have a worker and are reconciled next."""
        self._queued_at: dict[Key, datetime] = {}
        self._running: dict[Key, str | None] = {}
        """Keys in a reconciliation, each with the version of the latest event since it began, if one came."""
        self._forgotten: set[Key] = set()
        """Keys that were forgotten during their reconciliation; a last one cleans up what it started."""
        self._observed: dict[Key, frozenset[str]] = {}
        self._failures: dict[Key, int] = {}
        self._stalled: set[Key] = set()
        """Keys whose latest reconciliation was stalled; each waits for a change of its object."""
        self._closing = False
        """Whether keys are no longer scheduled for a later time, except retries."""

    def statistics(self) -> QueueStatistics:
        since = min(self._queued_at.values(), default=None)
        return QueueStatistics(
            waiting=len(self._queued_at),
            oldest_seconds=0.0 if since is None else (self._clock() - since).total_seconds(),
            parked=len(self._parked),
            running=len(self._running),
            delayed=len(self._timers),
            stalled=len(self._stalled),
            most_failures=max(self._failures.values(), default=0),
            incomplete=self.backlog.incomplete,
        )

    @property
    def running(self) -> Collection[Key]:
        """The keys that are being reconciled."""
        return self._running.keys()

    @property
    def keys(self) -> frozenset[Key]:
        """Every key that anything is planned or remembered for."""
        return frozenset().union(
            self.backlog,
            self._queued_at,
            self._parked,
            self._running,
            self._timers,
            self._observed,
            self._failures,
        )

    def add(self, key: Key, *, version: str = "") -> None:
        """Reconcile the key as soon as a worker is free.

        `version` is the resourceVersion of the event that requests it; a version that the last reconciliation has
        observed requests nothing.
        """
        if version in self._observed.get(key, ()):
            return
        self.backlog.add(key)
        if key in self._running:
            # A request without a version is not an event: no version that the reconciliation observes covers it.
            if self._running[key] != "":
                self._running[key] = version
        elif key in self._parked:
            self._readmit(key)
        elif key not in self._queued_at:
            self._enqueue(key, self._clock())

    def victim(self, key: Key, *, may_drop: Callable[[Key], bool]) -> Key | None:
        """Return the key to drop before this one is added, which may be this one; None while there is room."""
        victim = self.backlog.victim(key, may_drop=may_drop)
        if victim is None or not self._admit(key):
            return victim and key
        # What this process may not work on gives way first, then what it only has to work on much later.
        idle = chain(reversed(self._parked), reversed(self._timers.far))
        return next((each for each in idle if each not in self._queued_at and may_drop(each)), victim)

    def drop(self, key: Key) -> None:
        """Hold a key no longer until the open notifications are listed again."""
        owned, far = self._admit(key), self._timers.drop_far(key)
        self.forget(key)
        if not far:
            self.backlog.drop(owned=owned)

    def add_after(self, key: Key, seconds: float) -> None:
        """Reconcile the key after a delay; the earlier of two such times counts."""
        self._timers.set(key, seconds)

    def forget(self, key: Key) -> None:
        """Drop what is planned and remembered for a key whose object is deleted or final."""
        self._timers.cancel(key)
        self._queued_at.pop(key, None)
        self._parked.pop(key, None)
        self._observed.pop(key, None)
        self._failures.pop(key, None)
        self._stalled.discard(key)
        if key in self._running:
            self._forgotten.add(key)
        else:
            self.backlog.discard(key)

    def readmit(self) -> None:
        """Enqueue the parked keys that are admitted now."""
        for key in tuple(self._parked):
            self._readmit(key)
        self.backlog.owns_more()

    def discard_pending(self, *, keep: Callable[[Key], bool]) -> None:
        """Drop the keys that are not being reconciled, except some, and schedule none for later from now on.

        Failed reconciliations are still retried. The next process lists the dropped keys again.
        """
        self._closing = True
        for key in [key for key in self._timers if not keep(key)]:
            self._timers.cancel(key)
            self.backlog.discard(key)
        for pending in (self._queued_at, self._parked):
            for key in [key for key in pending if not keep(key)]:
                del pending[key]
                self.backlog.discard(key)

    async def run(
        self, reconcile: Callable[[Request], Awaitable[Result]], *, admit: Callable[[Key], bool]
    ) -> None:
        """Reconcile until cancelled; `admit` is asked before each reconciliation."""
        self._admit = admit
        async with asyncio.TaskGroup() as reconciliations:
            reconciliations.create_task(self._timers.follow_clock(), name="follow the clock")
            while True:
                key = await self._turns.get()
                queued_at = self._start(key)
                if queued_at is None:
                    self._workers.release(key.namespace)
                else:
                    failures = self._failures.get(key, 0)
                    request = Request(key=key, queued_at=queued_at, workers=self._workers, failures=failures)
                    name = f"reconcile {key.namespace}/{key.name}"
                    reconciliations.create_task(self._reconcile(reconcile, request), name=name)

    def _start(self, key: Key) -> datetime | None:
        """Mark a key as running and return since when it waited; None if it is not reconciled now."""
        if key not in self._queued_at or key in self._running:
            return None
        queued_at = self._queued_at.pop(key)
        if not self._admit(key):
            self._parked[key] = queued_at
            return None
        self._timers.cancel(key)
        self._stalled.discard(key)
        self._running[key] = None
        return queued_at

    def _enqueue(self, key: Key, since: datetime) -> None:
        self._queued_at[key] = since
        self._workers.call_when_free(key.namespace, partial(self._take_turn, key))

    def _take_turn(self, key: Key) -> bool:
        self._turns.put_nowait(key)
        return True

    def _readmit(self, key: Key) -> None:
        if self._admit(key):
            self._enqueue(key, self._parked.pop(key))

    async def _reconcile(self, reconcile: Callable[[Request], Awaitable[Result]], request: Request) -> None:
        key, result = request.key, CANCELLED
        try:
            result = await reconcile(request)
        except Exception as error:
            logger.exception("reconciliation failed unexpectedly", notification=f"{key.namespace}/{key.name}")
            result = Result(error=error)
        finally:
            request.release_worker()
            self._finish(key, result, requested=self._running.pop(key))

    def _finish(self, key: Key, result: Result, *, requested: str | None) -> None:
        if key in self._forgotten:
            self._forgotten.remove(key)
            if not result.final:
                self.add(key)
            result = Result(final=True, observed_versions=result.observed_versions)
        if result.final:
            self._observed.pop(key, None)
        else:
            self._observed[key] = result.observed_versions
        if result.error is None:
            self._failures.pop(key, None)
        else:
            self._fail(key, result)
        if result.requeue_after is not None and not self._closing:
            self._timers.set(key, result.requeue_after, result.still_waits)
        if requested is not None and requested not in result.observed_versions:
            self.add(key, version=requested)
        if result.final and not self._is_planned(key):
            self.backlog.discard(key)

    def _is_planned(self, key: Key) -> bool:
        return key in self._queued_at or key in self._timers

    def _fail(self, key: Key, result: Result) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        if result.stalled:
            self._stalled.add(key)
        else:
            asked = min(result.retry_after or 0.0, LONGEST_BACKOFF)
            self.add_after(key, max(backoff(failures), asked))


class Backlog:
    """The keys that the work queue holds, a bounded number, shared between namespaces, in the order in which they came.

    A key beyond the bound is dropped and not lost: the notification stays in the cluster, and the open notifications are
    listed again once there is room (DD-BOUNDS-001). Of the keys that may be dropped, the youngest are.

    Args:
        limit: keys that are held; None for no limit.
        parked: those of them that this process may not work on.
        timers: the times of those that wait for one.
    """

    def __init__(self, limit: int | None, *, parked: Sized, timers: Timers) -> None:
        self._limit = limit
        self._parked = parked
        self._timers = timers
        self._keys: FairQueue[Key] = FairQueue()
        self._waits_for_room = False
        """Whether a key was dropped that this process works on."""
        self._waits_for_ownership = False
        """Whether a key was dropped that this process does not work on, as on a standby."""
        self._immovable = 0
        """How many parked keys did not give way to the last key that was dropped: their attempts are unrecorded."""
        self.listing_due = asyncio.Event()
        """Set while the open notifications have to be listed again at once."""

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: Key) -> bool:
        return key in self._keys.line(key.namespace)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def of(self, namespace: str) -> Collection[Key]:
        """Return the keys of a namespace."""
        return self._keys.line(namespace)

    @property
    def incomplete(self) -> bool:
        """Whether keys were dropped and not listed again since."""
        return self._waits_for_room or self._waits_for_ownership

    @property
    def has_room(self) -> bool:
        """Whether keys were dropped for lack of room, and there is room for at least one of them now."""
        if self._limit is None or not self._waits_for_room:
            return False
        return len(self) - len(self._parked) < self._limit

    @property
    def may_replace(self) -> bool:
        """Whether keys were dropped for lack of room, and others would give way to them whose time is far ahead."""
        return self._waits_for_room and bool(self._timers.far)

    @property
    def is_time_near(self) -> bool:
        """Whether the time of a dropped key comes soon."""
        return self._timers.next_dropped - FAR_SECONDS / 2 <= asyncio.get_running_loop().time()

    def add(self, key: Key) -> None:
        self._keys.add(key.namespace, key)

    def discard(self, key: Key) -> None:
        self._keys.discard(key.namespace, key)
        self._check()

    def victim(self, key: Key, *, may_drop: Callable[[Key], bool]) -> Key | None:
        """Return the key to drop in order to hold another one; that one itself if no other may give way.

        The largest namespace gives way to a smaller one, so that a backlog in one namespace excludes no other.
        """
        if self._limit is None or len(self) < self._limit or key in self:
            return None
        return next(filter(may_drop, self._keys.displaceable(key.namespace)), key)

    def drop(self, *, owned: bool) -> None:
        """Record that a key was dropped, and whether this process may work on it."""
        if owned:
            self._waits_for_room = True
            self._immovable = len(self._parked)
        else:
            self._waits_for_ownership = True

    def owns_more(self) -> None:
        """Record that this process may work on other keys than before: what it dropped may belong to it now.

        The listing is due at once, because the keys that are held may all be of one namespace.
        """
        if self._waits_for_ownership:
            self.repeat_listing()

    def _check(self) -> None:
        """Request a listing if keys wait for room and half of the limit is free."""
        if self._limit is None or not self._waits_for_room:
            return
        idle = max(0, len(self._parked) - self._immovable)
        if len(self) - idle <= self._limit // REFILL_DIVISOR:
            self.listing_due.set()

    def repeat_listing(self) -> None:
        """Request a listing whether there is room or not."""
        self._waits_for_room = True
        self.listing_due.set()

    def begin_listing(self) -> None:
        """Record that every open notification is about to be listed."""
        self._waits_for_room = self._waits_for_ownership = False
        self._immovable = 0
        self._timers.next_dropped = inf
        self.listing_due.clear()


def backoff(failures: int) -> float:
    """Return the seconds before the retry after so many consecutive failures, at least one."""
    doublings = min(failures - 1, MOST_DOUBLINGS)
    return float(min(FIRST_BACKOFF * 2.0**doublings, LONGEST_BACKOFF))
