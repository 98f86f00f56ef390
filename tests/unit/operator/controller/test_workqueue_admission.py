"""Keys that may not start yet: they are held back, lost by nothing, and hold nothing up."""

from tests.unit.operator.controller.gated_queue import KEY, OTHER, Recorder, running


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
