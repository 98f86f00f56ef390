"""The work queue: each key once, one pass at a time, at its time."""

import asyncio
from datetime import UTC, datetime

from notification_operator.controller.workqueue import Done, Key
from tests.unit.operator.controller.gated_queue import KEY, OTHER, Gated, Recorder, running


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


async def test_a_burst_in_one_namespace_does_not_keep_another_one_waiting() -> None:
    burst = [Key("shop", f"order-{number}", f"uid-{number}") for number in range(20)]
    quiet = Key("office", "note", "uid-note")
    process = Recorder()
    async with running(process, workers=1) as queue:
        for key in (*burst, quiet):
            queue.add(key)
        await process.passes(21)
    assert process.keys == [burst[0], burst[1], quiet, *burst[2:]]


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
