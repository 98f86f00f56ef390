"""Passes that wait for something: they hold no worker meanwhile, and stay the only ones of their keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from notification_operator.controller.workqueue import Done, Key, WorkQueue
from tests.unit.operator.controller.gated_queue import KEY, OTHER, Gated, running, settle


class Waiting:
    """Passes that wait aside for what they are told, each key for its own, and note when they go on."""

    def __init__(self) -> None:
        self.queue: WorkQueue | None = None
        self.over = {KEY: asyncio.Event(), OTHER: asyncio.Event()}
        self.began: list[Key] = []
        self.went_on: list[Key] = []
        self.ends = asyncio.Event()
        self.ends.set()

    async def __call__(self, key: Key, _queued_at: datetime) -> Done:
        assert self.queue is not None
        self.began.append(key)
        await self.queue.aside(key, self._wait(key))
        self.went_on.append(key)
        await self.ends.wait()
        return Done()

    async def _wait(self, key: Key) -> None:
        await self.over[key].wait()


@asynccontextmanager
async def waiting(workers: int = 1) -> AsyncIterator[tuple[Waiting, Gated]]:
    process = Waiting()
    async with running(process, workers=workers) as queue:
        process.queue = queue
        queue.add(KEY)
        await settle()
        yield process, queue


async def test_a_pass_that_waits_leaves_its_worker_to_others() -> None:
    async with waiting() as (process, queue):
        queue.add(OTHER)
        await settle()
        assert (process.began, queue.waiting, queue.running) == ([KEY, OTHER], 0, 2)
        process.over[OTHER].set()
        await settle()
        assert (process.went_on, queue.running) == ([OTHER], 1)


async def test_a_pass_that_has_waited_goes_on_when_a_worker_is_free() -> None:
    async with waiting() as (process, queue):
        process.ends.clear()
        queue.add(OTHER)
        await settle()
        process.over[OTHER].set()
        await settle()
        process.over[KEY].set()
        await settle()
        assert process.went_on == [OTHER], "the only worker is not free"
        process.ends.set()
        await settle()
        assert (process.went_on, queue.running) == ([OTHER, KEY], 0)


async def test_passes_that_have_waited_keep_no_other_namespace_waiting() -> None:
    burst = [Key("shop", f"order-{number}", f"uid-{number}") for number in range(10)]
    quiet = Key("office", "note", "uid-note")
    over, ends = asyncio.Event(), asyncio.Event()
    order: list[Key] = []

    async def process(key: Key, _queued_at: datetime) -> Done:
        if key != quiet:
            await queue.aside(key, wait())
        order.append(key)
        await ends.wait()
        return Done()

    async def wait() -> None:
        await over.wait()

    async with running(process, workers=1) as queue:
        for key in burst:
            queue.add(key)
        await settle()
        over.set()
        await settle()
        assert order == burst[:1], "the others wait for the only worker"
        queue.add(quiet)
        ends.set()
        await settle()
    assert order == [burst[0], burst[1], quiet, *burst[2:]]


async def test_a_pass_that_waits_is_still_the_only_one_of_its_key() -> None:
    async with waiting(workers=4) as (process, queue):
        queue.add(KEY)
        queue.add(KEY)
        await settle()
        assert process.began == [KEY]
        process.over[KEY].set()
        await settle()
        assert process.began == [KEY, KEY]


async def test_a_wait_that_fails_costs_no_worker() -> None:
    calls: list[Key] = []

    async def fail() -> None:
        raise RuntimeError("a bug")

    async def process(key: Key, _queued_at: datetime) -> Done:
        calls.append(key)
        if key == KEY:
            await queue.aside(key, fail())
        return Done()

    async with running(process, workers=1) as queue:
        for key in (KEY, OTHER, KEY):
            queue.add(key)
            await settle()
        assert calls == [KEY, OTHER, KEY]
        assert queue._workers.free == 1


async def test_passes_that_wait_end_with_the_queue() -> None:
    async with asyncio.timeout(5):
        async with waiting() as (process, queue):
            queue.add(OTHER)
            await settle()
        assert process.went_on == []
        assert queue.running == 0
