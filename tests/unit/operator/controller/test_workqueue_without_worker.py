"""Reconciliations that wait without a worker: they hold none meanwhile, and stay the only ones of their keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from notification_domain.key import Key
from notification_operator.controller.request import Request, Result
from tests.unit.operator.controller.gated_queue import KEY, OTHER, GatedQueue, run_ready_tasks, running


class Waiting:
    """Each reconciliation waits without a worker for an event of its key, and records when it continues."""

    def __init__(self) -> None:
        self.events = {KEY: asyncio.Event(), OTHER: asyncio.Event()}
        self.began: list[Key] = []
        self.continued: list[Key] = []
        self.ends = asyncio.Event()
        self.ends.set()

    async def __call__(self, request: Request) -> Result:
        self.began.append(request.key)
        await request.without_worker(self._wait(request.key))
        self.continued.append(request.key)
        await self.ends.wait()
        return Result()

    async def _wait(self, key: Key) -> None:
        await self.events[key].wait()


@asynccontextmanager
async def waiting(workers: int = 1) -> AsyncIterator[tuple[Waiting, GatedQueue]]:
    reconcile = Waiting()
    async with running(reconcile, workers=workers) as queue:
        queue.add(KEY)
        await run_ready_tasks()
        yield reconcile, queue


async def test_waiting_reconciliation_leaves_its_worker_to_others() -> None:
    async with waiting() as (reconcile, queue):
        queue.add(OTHER)
        await run_ready_tasks()
        statistics = queue.statistics()
        assert (reconcile.began, statistics.waiting, statistics.running) == ([KEY, OTHER], 0, 2)
        reconcile.events[OTHER].set()
        await run_ready_tasks()
        assert (reconcile.continued, queue.statistics().running) == ([OTHER], 1)


async def test_reconciliation_continues_when_a_worker_is_free() -> None:
    async with waiting() as (reconcile, queue):
        reconcile.ends.clear()
        queue.add(OTHER)
        await run_ready_tasks()
        reconcile.events[OTHER].set()
        await run_ready_tasks()
        reconcile.events[KEY].set()
        await run_ready_tasks()
        assert reconcile.continued == [OTHER], "the only worker is not free"
        reconcile.ends.set()
        await run_ready_tasks()
        assert (reconcile.continued, queue.statistics().running) == ([OTHER, KEY], 0)


async def test_what_was_begun_is_recorded_before_the_next_one_begins() -> None:
    began, recorded, most = 0, 0, 0

    async def reconcile(request: Request) -> Result:
        nonlocal began, recorded, most
        began += 1
        most = max(most, began - recorded)
        await request.without_worker(asyncio.sleep(0))
        recorded += 1
        return Result()

    async with running(reconcile, workers=2) as queue:
        for number in range(200):
            queue.add(Key("shop", f"order-{number}", f"uid-{number}"))
        while recorded < 200:
            await run_ready_tasks()
    assert most <= 6


async def test_continuing_reconciliations_delay_no_other_namespace() -> None:
    burst = [Key("shop", f"order-{number}", f"uid-{number}") for number in range(10)]
    quiet = Key("office", "note", "uid-note")
    event, ends = asyncio.Event(), asyncio.Event()
    order: list[Key] = []

    async def reconcile(request: Request) -> Result:
        if request.key != quiet:
            await request.without_worker(wait())
        order.append(request.key)
        await ends.wait()
        return Result()

    async def wait() -> None:
        await event.wait()

    async with running(reconcile, workers=1) as queue:
        for key in burst:
            queue.add(key)
        await run_ready_tasks()
        event.set()
        await run_ready_tasks()
        assert order == burst[:1], "the others wait for the only worker"
        queue.add(quiet)
        ends.set()
        await run_ready_tasks()
    assert order == [burst[0], burst[1], quiet, *burst[2:]]


async def test_waiting_reconciliation_is_the_only_one_of_its_key() -> None:
    async with waiting(workers=4) as (reconcile, queue):
        queue.add(KEY)
        queue.add(KEY)
        await run_ready_tasks()
        assert reconcile.began == [KEY]
        reconcile.events[KEY].set()
        await run_ready_tasks()
        assert reconcile.began == [KEY, KEY]


async def test_failed_wait_costs_no_worker() -> None:
    requests: list[Request] = []

    async def fail() -> None:
        raise RuntimeError("a bug")

    async def reconcile(request: Request) -> Result:
        requests.append(request)
        if request.key == KEY:
            await request.without_worker(fail())
        return Result()

    async with running(reconcile, workers=1) as queue:
        for key in (KEY, OTHER, KEY):
            queue.add(key)
            await run_ready_tasks()
        assert [request.key for request in requests] == [KEY, OTHER, KEY]
        workers = requests[0].workers
        assert workers is not None
        assert workers.free == 1


async def test_waiting_reconciliations_end_with_the_queue() -> None:
    async with asyncio.timeout(5):
        async with waiting() as (reconcile, queue):
            queue.add(OTHER)
            await run_ready_tasks()
        assert reconcile.continued == []
        assert queue.statistics().running == 0
