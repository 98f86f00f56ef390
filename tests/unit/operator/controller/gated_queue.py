"""A work queue with a gate, and a reconciler that records its requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from notification_domain.key import Key
from notification_operator.controller.request import Request, Result
from notification_operator.controller.still_waits import StillWaits, WaitingTarget
from notification_operator.controller.workqueue import WorkQueue

KEY = Key("shop", "order-1", "uid-1")
OTHER = Key("shop", "order-2", "uid-2")

Reconcile = Callable[[Request], Awaitable[Result]]


class Delays:
    """Delays a target by so many seconds each time that it is asked; None ends the wait."""

    def __init__(self, clock: Callable[[], datetime], *seconds: float | None) -> None:
        self._clock = clock
        self.left = list(seconds)

    def until(self) -> datetime | None:
        seconds = self.left.pop(0)
        return None if seconds is None else self._clock() + timedelta(seconds=seconds)

    def waits(self) -> StillWaits:
        """Return a wait for this target."""
        moment = self._clock()
        return StillWaits(targets=(WaitingTarget(own=moment, delay=self),), other=None, at=moment)


class GatedQueue(WorkQueue):
    """A queue that admits nothing while its gate is closed, and never the keys that are foreign."""

    def __init__(self, *, workers: int) -> None:
        super().__init__(workers=workers, clock=lambda: datetime.now(UTC))
        self.is_open = True
        self.foreign: set[Key] = set()

    def admits(self, key: Key) -> bool:
        return self.is_open and key not in self.foreign

    def open(self) -> None:
        self.is_open = True
        self.readmit()


@asynccontextmanager
async def running(
    reconcile: Reconcile, *, workers: int = 4, is_open: bool = True
) -> AsyncIterator[GatedQueue]:
    queue = GatedQueue(workers=workers)
    queue.is_open = is_open
    task = asyncio.create_task(queue.run(reconcile, admit=queue.admits))
    try:
        yield queue
    finally:
        task.cancel()
        ended, _ = await asyncio.wait({task}, timeout=5)
        assert ended, "the queue does not end"


class Recorder:
    """Records the keys of requests; each reconciliation waits until it may go on."""

    def __init__(self, *results: Result | Exception, held: bool = False) -> None:
        self.keys: list[Key] = []
        self.most_at_once = 0
        self._at_once: dict[Key, int] = {}
        self._started = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        if not held:
            self.go.set()
        self._results = list(results)

    async def __call__(self, request: Request) -> Result:
        key = request.key
        self.keys.append(key)
        self._at_once[key] = self._at_once.get(key, 0) + 1
        self.most_at_once = max(self.most_at_once, self._at_once[key])
        self._started.release()
        await self.go.wait()
        self._at_once[key] -= 1
        result = self._results.pop(0) if self._results else Result()
        if isinstance(result, Exception):
            raise result
        return result

    async def reconciliations(self, count: int) -> None:
        """Wait until so many more reconciliations have started."""
        async with asyncio.timeout(5):
            for _ in range(count):
                await self._started.acquire()

    async def no_more(self) -> None:
        """Require that no reconciliation starts soon."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await self._started.acquire()


async def run_ready_tasks() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)
