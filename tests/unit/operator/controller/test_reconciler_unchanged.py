"""Passes that may begin nothing, in a stop or over what is another replica's: what is under way is recorded still."""

import asyncio

from notification_operator.delivery.channel import Transient
from tests.unit.operator.controller.reconciler_fixture import Bench, Stub


async def test_while_draining_what_is_under_way_is_recorded_and_nothing_new_begins() -> None:
    slow = Stub(Transient("busy"), seconds=0.2)
    bench = Bench({"slack": slow}, retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    await bench.run()
    bench.reconciler.draining = True
    await bench.until_rung()
    await bench.run()
    assert bench.status["totalAttempts"] == 1
    await asyncio.sleep(1.1)
    await bench.run()
    assert len(slow.calls) == 1
    assert bench.ledger.is_empty


async def test_while_draining_a_pause_that_is_over_asks_for_no_pass_of_its_own() -> None:
    slow, busy = Stub(seconds=0.3), Stub(Transient("busy"))
    bench = Bench({"slack": slow, "file": busy}, retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    assert (await bench.run()).again_in is not None
    bench.reconciler.draining = True
    assert (await bench.run()).again_in is None
    await bench.until_rung()
    assert (await bench.run()).again_in is None
    assert (bench.status["totalAttempts"], len(busy.calls)) == (2, 1)


async def test_what_is_not_this_replica_s_gets_no_try_but_its_tries_are_recorded_and_it_comes_back() -> None:
    slow, console = Stub(Transient("busy"), seconds=0.2), Stub()
    bench = Bench({"slack": slow, "console": console}, retryPolicy={"maxAttempts": 3})
    bench.begins = False
    assert (await bench.run()).again_in == 0
    assert (slow.calls, console.calls, bench.verbs) == ([], [], ["GET"])
    bench.begins = True
    await bench.run()
    bench.begins = False
    await bench.until_rung()
    assert (await bench.run()).again_in == 0
    assert bench.status["totalAttempts"] == 2
    assert bench.ledger.is_empty
