"""The work queue: each key once, one pass at a time, at its time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from notification_operator.workqueue import Done, Key, WorkQueue

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


async def test_a_key_added_many_times_before_its_turn_gets_one_pass() -> None:
    process = Recorder()
    async with running(process, started=False) as queue:
        for _ in range(10):
            queue.add(KEY)
        assert queue.waiting == 1
        queue.let(open_=True)
        await process.passes(1)
        await process.no_more()


async def test_a_key_added_during_its_pass_gets_exactly_one_more_and_never_two_at_once() -> None:
    process = Recorder(held=True)
    async with running(process) as queue:
        queue.add(KEY)
        await process.passes(1)
        queue.add(KEY)
        queue.add(KEY)
        await process.no_more()
        process.go.set()
        await process.passes(1)
        await process.no_more()
    assert process.most_at_once == 1


async def test_different_keys_do_not_wait_for_each_other() -> None:
    process = Recorder(held=True)
    async with running(process, workers=2) as queue:
        queue.add(KEY)
        queue.add(OTHER)
        await process.passes(2)
        assert queue.running == 2


async def test_no_more_passes_run_at_once_than_there_are_workers() -> None:
    process = Recorder(held=True)
    async with running(process, workers=1) as queue:
        queue.add(KEY)
        queue.add(OTHER)
        await process.passes(1)
        await process.no_more()
        assert (queue.running, queue.waiting) == (1, 1)


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
        await self.queue.aside(self._wait(key))
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


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)


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
            await queue.aside(fail())
        return Done()

    async with running(process, workers=1) as queue:
        for key in (KEY, OTHER, KEY):
            queue.add(key)
            await settle()
        assert calls == [KEY, OTHER, KEY]
        assert queue._free._value == 1


async def test_passes_that_wait_end_with_the_queue() -> None:
    async with asyncio.timeout(5):
        async with waiting() as (process, queue):
            queue.add(OTHER)
            await settle()
        assert process.went_on == []
        assert queue.running == 0


async def test_the_echo_of_a_pass_s_own_write_asks_for_nothing() -> None:
    process = Recorder(Done(seen=frozenset({"6", "7"})))
    async with running(process) as queue:
        queue.add(KEY)
        await process.passes(1)
        await asyncio.sleep(0)
        queue.add(KEY, version="7")
        await process.no_more()
        queue.add(KEY, version="8")
        await process.passes(1)


async def test_an_echo_that_comes_before_the_answer_to_the_write_asks_for_nothing() -> None:
    process = Recorder(Done(seen=frozenset({"6", "7"})), held=True)
    async with running(process) as queue:
        queue.add(KEY)
        await process.passes(1)
        queue.add(KEY, version="7")
        process.go.set()
        await process.no_more()


async def test_an_event_that_brings_what_the_pass_has_read_asks_for_nothing() -> None:
    process = Recorder(Done(seen=frozenset({"6", "7"}), final=True), held=True)
    async with running(process) as queue:
        queue.add(KEY, version="6")
        await process.passes(1)
        queue.add(KEY, version="6")
        process.go.set()
        await process.no_more()


async def test_another_writer_s_event_during_the_pass_is_not_lost() -> None:
    process = Recorder(Done(seen=frozenset({"6", "7"})), held=True)
    async with running(process) as queue:
        queue.add(KEY)
        await process.passes(1)
        queue.add(KEY, version="7")
        queue.add(KEY, version="8")
        process.go.set()
        await process.passes(1)


async def test_a_pass_that_asks_to_come_back_is_run_again_at_its_time() -> None:
    process = Recorder(Done(again_in=0.2))
    async with running(process) as queue:
        queue.add(KEY)
        await process.passes(1)
        await process.no_more()
        assert queue.delayed == 1
        await process.passes(1)
        assert queue.delayed == 0


async def test_the_earlier_of_two_times_holds() -> None:
    process = Recorder()
    async with running(process) as queue:
        queue.add_after(KEY, 60)
        queue.add_after(KEY, 0.01)
        queue.add_after(KEY, 60)
        await process.passes(1)
        assert queue.delayed == 0


async def test_a_pass_that_fails_is_run_again_and_takes_no_worker_down() -> None:
    process = Recorder(RuntimeError("a bug"), Done(failed=True))
    async with running(process, workers=1) as queue:
        queue.add(KEY)
        await process.passes(3)
        queue.add(OTHER)
        await process.passes(1)
    assert process.keys == [KEY, KEY, KEY, OTHER]


async def test_the_pause_after_failures_grows_and_is_bounded() -> None:
    queue = Gated(process=Recorder(), workers=1)
    pauses = [queue._backoff(KEY) for _ in range(15)]
    assert pauses[:3] == [0.05, 0.1, 0.2]
    assert pauses[-1] == 30.0


async def test_nothing_starts_while_paused_and_nothing_is_lost() -> None:
    process = Recorder()
    async with running(process) as queue:
        queue.let(open_=False)
        queue.add(KEY)
        await process.no_more()
        queue.let(open_=True)
        await process.passes(1)


async def test_a_key_whose_turn_comes_when_it_may_not_start_holds_no_worker_and_no_other_key() -> None:
    process = Recorder()
    async with running(process, workers=1) as queue:
        queue.elsewhere = {KEY}
        queue.add(KEY)
        queue.add(OTHER)
        await process.passes(1)
        await process.no_more()
        assert (process.keys, queue.waiting, queue.held_back) == ([OTHER], 0, 1)


async def test_a_key_that_is_held_back_gets_one_pass_once_it_may_start_and_it_is_looked_at_again() -> None:
    process = Recorder()
    async with running(process) as queue:
        queue.elsewhere = {KEY}
        for version in ("1", "2"):
            queue.add(KEY, version=version)
        await process.no_more()
        queue.elsewhere = set()
        queue.look_again()
        await process.passes(1)
        await process.no_more()
        assert queue.held_back == 0


async def test_a_key_that_is_held_back_may_start_when_it_is_added_again() -> None:
    process = Recorder()
    async with running(process) as queue:
        queue.elsewhere = {KEY}
        queue.add(KEY)
        await process.no_more()
        queue.elsewhere = set()
        queue.add(KEY)
        await process.passes(1)


async def test_what_is_held_back_is_forgotten_with_its_object_and_dropped_at_a_stop() -> None:
    process = Recorder()
    async with running(process) as queue:
        queue.elsewhere = {KEY, OTHER}
        queue.add(KEY)
        queue.add(OTHER)
        await process.no_more()
        queue.forget(KEY)
        assert queue.held_back == 1
        queue.drop_waiting(keep=lambda _key: False)
        assert queue.held_back == 0


async def test_of_what_waits_for_a_worker_the_oldest_is_told_and_what_is_held_back_is_no_part_of_it() -> None:
    process = Recorder(held=True)
    async with running(process, workers=1) as queue:
        queue.elsewhere = {Key("shop", "order-3", "uid-3")}
        for key in (KEY, *queue.elsewhere, OTHER):
            queue.add(key)
        await process.passes(1)
        await asyncio.sleep(0.05)
        assert queue.oldest >= 0.05
        process.go.set()
        await process.passes(1)
        await asyncio.sleep(0)
        assert (queue.oldest, queue.waiting) == (0.0, 0)


async def test_at_a_stop_only_the_keys_that_are_to_be_kept_get_their_pass() -> None:
    process = Recorder()
    async with running(process, started=False) as queue:
        queue.add(KEY)
        queue.add(OTHER)
        queue.add_after(KEY, 0.01)
        queue.add_after(OTHER, 0.01)
        queue.drop_waiting(keep=lambda key: key == OTHER)
        queue.let(open_=True)
        await process.passes(1)
        await process.no_more()
    assert set(process.keys) == {OTHER}


async def test_a_forgotten_key_has_no_time_of_its_own_left() -> None:
    process = Recorder()
    async with running(process) as queue:
        queue.add_after(KEY, 0.05)
        queue.forget(KEY)
        await process.no_more()
        assert queue.delayed == 0


async def test_an_object_deleted_during_its_pass_gets_one_more_that_finds_it_gone() -> None:
    process = Recorder(Done(seen=frozenset({"1"})), Done(final=True), held=True)
    async with running(process) as queue:
        queue.add(KEY, version="1")
        await process.passes(1)
        queue.forget(KEY)
        process.go.set()
        await process.passes(1)
        await asyncio.sleep(0)
        assert (process.keys, queue.waiting, queue.delayed) == ([KEY, KEY], 0, 0)
        assert queue._seen == {}


async def test_a_pass_is_told_since_when_its_key_waited() -> None:
    times: list[datetime] = []

    async def process(_key: Key, queued_at: datetime) -> Done:
        times.append(queued_at)
        return Done()

    before = datetime.now(UTC)
    async with running(process) as queue:
        queue.add(KEY)
        await asyncio.sleep(0.05)
    assert before <= times[0] <= datetime.now(UTC)
