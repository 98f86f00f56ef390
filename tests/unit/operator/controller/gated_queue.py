"""A work queue with a gate, and passes that tell what happened to them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from notification_operator.controller.workqueue import Done, Key, WorkQueue

KEY = Key("shop", "order-1", "uid-1")
OTHER = Key("shop", "order-2", "uid-2")

Process = Callable[[Key, datetime], Awaitable[Done]]


class Gated(WorkQueue):
    """A queue with a gate: no pass starts while it is shut, and none of the keys that are elsewhere."""

    def __init__(
        self, *, process: Process, workers: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(process=process, starts=self._may, workers=workers, clock=clock)
        self.open = True
        self.elsewhere: set[Key] = set()

    def _may(self, key: Key) -> bool:
        return self.open and key not in self.elsewhere

    def let(self, *, open_: bool) -> None:
        self.open = open_
        self.look_again()


@asynccontextmanager
async def running(process: Process, *, workers: int = 4, started: bool = True) -> AsyncIterator[Gated]:
    queue = Gated(process=process, workers=workers, clock=lambda: datetime.now(UTC))
    queue.open = started
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        ended, _ = await asyncio.wait({task}, timeout=5)
        assert ended, "the queue does not end"


class Recorder:
    """Notes the keys of passes; each pass waits until it is let through."""

    def __init__(self, *answers: Done | Exception, held: bool = False) -> None:
        self.keys: list[Key] = []
        self.at_once: dict[Key, int] = {}
        self.most_at_once = 0
        self.started = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        if not held:
            self.go.set()
        self._answers = list(answers)

    async def __call__(self, key: Key, _queued_at: datetime) -> Done:
        self.keys.append(key)
        self.at_once[key] = self.at_once.get(key, 0) + 1
        self.most_at_once = max(self.most_at_once, self.at_once[key])
        self.started.release()
        await self.go.wait()
        self.at_once[key] -= 1
        answer = self._answers.pop(0) if self._answers else Done()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def passes(self, count: int) -> None:
        async with asyncio.timeout(5):
            for _ in range(count):
                await self.started.acquire()

    async def no_more(self) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await self.started.acquire()


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)
