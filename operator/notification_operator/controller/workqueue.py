"""Whose turn it is: one key at a time, each key once, now or later. Decides when, never what.

Namespaces have their turns one after the other, so that a burst in one of them delays no other (DD-FAIR-001).

A key that is added while its pass runs gets one more pass afterwards, unless the event that adds it
brings a resourceVersion that the pass has read or written: such an event, the echo of the operator's own
write above all, says nothing new.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import structlog

from notification_operator.fair_semaphore import FairSlots

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import datetime

logger = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 30.0
"""Seconds before a pass that failed is run again: doubled each time, up to the longest."""


class Key(NamedTuple):
    """One incarnation of an object: one that is made anew under the same name has another uid."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a pass says about its key."""

    again_in: float | None = None
    """Seconds until it wants another pass; None for no time of its own."""
    seen: frozenset[str] = frozenset()
    """The resourceVersions that it read and wrote."""
    final: bool = False
    """Whether the object never changes again, so that nothing of it has to be remembered."""
    failed: bool = False
    """Whether it has to be run again, after a pause that grows with each failure."""


class WorkQueue:
    """Runs `process(key, queued_at)` for each key added, on a bounded number of workers.

    A pass that has to wait for something long does so `aside`.

    A key that `starts` says no to when its turn comes is held back until `look_again`, or until it is added
    again.
    """

    def __init__(
        self,
        *,
        process: Callable[[Key, datetime], Awaitable[Done]],
        starts: Callable[[Key], bool],
        workers: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._process = process
        self._starts = starts
        self._workers = FairSlots(workers)
        self._aside: set[Key] = set()
        """Keys in a pass that has given its worker back, since it waits for something."""
        self._clock = clock
        self._turns: asyncio.Queue[Key] = asyncio.Queue()
        """Keys that have a worker and begin their pass next."""
        self._queued_at: dict[Key, datetime] = {}
        self._held_back: dict[Key, datetime] = {}
        """Keys whose turn came when no pass of theirs might start, each with the time since when it waits."""
        self._running: dict[Key, str | None] = {}
        """Keys in a pass, each with the version that an event brought meanwhile, if one came."""
        self._forgotten: set[Key] = set()
        """Keys that were dropped while in a pass: what that pass began, a last one has to clear up."""
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._seen: dict[Key, frozenset[str]] = {}
        self._failures: dict[Key, int] = {}

    @property
    def waiting(self) -> int:
        """How many keys wait for a worker."""
        return len(self._queued_at)

    @property
    def oldest(self) -> float:
        """For how many seconds the first of these has waited; 0 when there is none."""
        since = min(self._queued_at.values(), default=None)
        return 0.0 if since is None else (self._clock() - since).total_seconds()

    @property
    def held_back(self) -> int:
        """How many keys wait until a pass of theirs may start."""
        return len(self._held_back)

    @property
    def in_pass(self) -> Collection[Key]:
        """The keys that are in a pass."""
        return self._running.keys()

    @property
    def running(self) -> int:
        """How many keys are in a pass."""
        return len(self._running)

    @property
    def delayed(self) -> int:
        """How many keys wait for their time."""
        return len(self._timers)

    def add(self, key: Key, *, version: str = "") -> None:
        """Give the key a pass as soon as a worker is free.

        `version` is the resourceVersion of the event that asks for it; one that the last pass has seen
        asks for nothing.
        """
        if version in self._seen.get(key, ()):
            return
        if key in self._running:
            self._running[key] = version
        elif key in self._held_back:
            self._let(key)
        elif key not in self._queued_at:
            self._queue(key, self._clock())

    def add_after(self, key: Key, seconds: float) -> None:
        """Give the key a pass after a while; the earlier of two such times holds."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, 0.0)
        timer = self._timers.get(key)
        if timer is None or due < timer.when():
            self._cancel_timer(key)
            self._timers[key] = loop.call_at(due, self._on_time, key)

    def forget(self, key: Key) -> None:
        """Drop what is planned and remembered for a key whose object is gone or final."""
        self._cancel_timer(key)
        self._queued_at.pop(key, None)
        self._held_back.pop(key, None)
        self._seen.pop(key, None)
        self._failures.pop(key, None)
        if key in self._running:
            self._forgotten.add(key)

    def look_again(self) -> None:
        """Start the passes that may start now and could not before."""
        for key in tuple(self._held_back):
            self._let(key)

    def drop_waiting(self, *, keep: Callable[[Key], bool]) -> None:
        """Forget the keys that no pass has started for, except some; a later listing brings them back."""
        for key in [key for key in self._timers if not keep(key)]:
            self._cancel_timer(key)
        for waiting in (self._queued_at, self._held_back):
            for key in [key for key in waiting if not keep(key)]:
                del waiting[key]

    async def aside(self, key: Key, wait: Awaitable[None]) -> None:
        """Wait for something in the pass of a key, whose worker has another pass meanwhile."""
        self._aside.add(key)
        self._workers.give_back()
        # A pass that is broken off in here ends without a worker, instead of waiting for one.
        await wait
        await self._workers.wait(key.namespace)
        self._aside.remove(key)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as passes:
            while True:
                key = await self._turns.get()
                since = self._turn(key)
                if since is None:
                    self._workers.give_back()
                else:
                    passes.create_task(self._pass(key, since), name=f"pass {key.namespace}/{key.name}")

    def _turn(self, key: Key) -> datetime | None:
        """Take a key whose turn it is; return since when it waited, or None when it gets no pass now."""
        if key not in self._queued_at or key in self._running:
            return None
        since = self._queued_at.pop(key)
        if not self._starts(key):
            self._held_back[key] = since
            return None
        self._cancel_timer(key)
        self._running[key] = None
        return since

    def _queue(self, key: Key, since: datetime) -> None:
        self._queued_at[key] = since
        self._workers.ask(key.namespace, lambda: self._take(key))

    def _take(self, key: Key) -> bool:
        self._turns.put_nowait(key)
        return True

    def _let(self, key: Key) -> None:
        """Give a key that is held back its turn, if it may have it now."""
        if self._starts(key):
            self._queue(key, self._held_back.pop(key))

    async def _pass(self, key: Key, queued_at: datetime) -> None:
        done = Done(failed=True)
        try:
            done = await self._process(key, queued_at)
        except Exception:
            logger.exception("a pass broke", notification=f"{key.namespace}/{key.name}")
        finally:
            self._leave(key)
            asked = self._running.pop(key)
            self._after(key, done, asked)

    def _leave(self, key: Key) -> None:
        """Give back the worker of a pass that ends, if it has one."""
        if key in self._aside:
            self._aside.remove(key)
        else:
            self._workers.give_back()

    def _after(self, key: Key, done: Done, asked: str | None) -> None:
        if key in self._forgotten:
            self._forgotten.remove(key)
            if not done.final:
                self.add(key)
            done = Done(final=True, seen=done.seen)
        if done.final:
            self._seen.pop(key, None)
        else:
            self._seen[key] = done.seen
        if done.failed:
            self.add_after(key, self._backoff(key))
        else:
            self._failures.pop(key, None)
        if done.again_in is not None:
            self.add_after(key, done.again_in)
        if asked is not None and asked not in done.seen:
            self.add(key, version=asked)

    def _backoff(self, key: Key) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return float(min(FIRST_PAUSE * 2.0 ** (failures - 1), LONGEST_PAUSE))

    def _on_time(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
