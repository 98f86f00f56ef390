"""One pass, with real floors around it: what it costs, and what it never does twice."""

import asyncio

import pytest

from atomic_status import Unavailable
from notification_operator.controller.workqueue import Done
from notification_operator.delivery.channel import Permanent, Transient
from tests.unit.operator.controller.reconciler_fixture import Bench, Stub


async def test_a_quick_delivery_costs_one_read_and_one_write() -> None:
    console = Stub()
    bench = Bench({"console": console})
    done = await bench.run()
    assert bench.verbs == ["GET", "PUT"]
    assert (bench.status["phase"], len(console.calls)) == ("Sent", 1)
    assert (done.final, done.again_in, done.failed) == (True, None, False)
    assert bench.ledger.is_empty
    assert bench.rung == []


async def test_a_final_notification_is_read_and_left_alone() -> None:
    console = Stub()
    bench = Bench({"console": console})
    await bench.run()
    bench.store.calls.clear()
    assert (await bench.run()).final
    assert bench.verbs == ["GET"]
    assert len(console.calls) == 1


async def test_a_slow_delivery_is_shown_meanwhile_and_asks_for_the_pass_that_records_it() -> None:
    slow, quick = Stub(seconds=0.3), Stub()
    bench = Bench({"slack": slow, "console": quick})
    done = await bench.run()
    assert bench.status["phase"] == "Sending"
    assert bench.status["totalAttempts"] == 1
    assert bench.store.peek(bench.ref)["metadata"]["resourceVersion"] in done.seen
    assert not done.final
    await bench.until_rung()
    await bench.run()
    assert bench.status["phase"] == "Sent"
    assert bench.verbs == ["GET", "PUT", "GET", "PUT"]
    assert (len(slow.calls), len(quick.calls)) == (1, 1)


async def test_a_delivery_is_waited_for_without_a_worker_and_nothing_else_is() -> None:
    bench = Bench({"console": Stub()})
    await bench.run()
    assert bench.waits == 1
    await bench.run()
    assert bench.waits == 1, "a final one has nothing to wait for"


async def test_a_pass_beside_a_slow_delivery_does_not_start_it_again() -> None:
    slow = Stub(seconds=0.3)
    bench = Bench({"slack": slow})
    await bench.run()
    await bench.run()
    assert len(slow.calls) == 1
    assert bench.verbs == ["GET", "PUT", "GET"]
    await bench.until_rung()
    await bench.run()
    assert (bench.status["phase"], len(slow.calls)) == ("Sent", 1)


async def test_a_conflict_folds_again_on_a_new_read_and_never_delivers_again() -> None:
    console = Stub()
    bench = Bench({"console": console})
    for number in range(3):
        bench.interfere(f"foreign {number}")
    await bench.run()
    assert bench.verbs == ["GET", "PUT", "GET", "PUT", "GET", "PUT", "GET", "PUT"]
    assert (bench.status["phase"], bench.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)
    assert bench.status["note"] == "foreign 2"
    assert bench.conflicts == 3


async def test_conflicts_without_end_lose_nothing_and_are_tried_again_later() -> None:
    console = Stub()
    bench = Bench({"console": console})
    for number in range(5):
        bench.interfere(f"foreign {number}")
    assert (await bench.run()).failed
    assert bench.ledger.unsaved == 1
    assert bench.conflicts == 5
    assert not (await bench.run()).failed
    assert (bench.status["phase"], bench.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)


@pytest.mark.parametrize("applied", [False, True], ids=["lost", "applied, its answer lost"])
async def test_a_write_that_fails_is_made_again_without_a_second_delivery(applied: bool) -> None:  # noqa: FBT001
    console = Stub()
    bench = Bench({"console": console})
    bench.store.fail_next("PUT", Unavailable(bench.ref, reason="500"), applied=applied)
    assert (await bench.run()).failed
    await bench.run()
    assert (bench.status["phase"], bench.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)
    assert bench.ledger.is_empty


async def test_a_failed_try_is_made_again_at_its_time_and_not_before() -> None:
    flaky = Stub(Transient("busy"))
    bench = Bench({"slack": flaky}, retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    done = await bench.run()
    assert bench.status["phase"] == "Sending"
    assert done.again_in is not None
    assert 0.9 < done.again_in <= 1.1
    await bench.run()
    assert len(flaky.calls) == 1
    await asyncio.sleep(done.again_in)
    await bench.run()
    assert (bench.status["phase"], len(flaky.calls)) == ("Sent", 2)
    assert flaky.calls == [f"{bench.key.uid}:slack:1", f"{bench.key.uid}:slack:2"]


async def test_a_channel_that_refuses_is_not_tried_again_and_spares_the_others() -> None:
    refusing, fine = Stub(Permanent("no")), Stub()
    bench = Bench({"slack": refusing, "console": fine})
    await bench.run()
    assert (bench.status["phase"], bench.status["totalAttempts"]) == ("PartiallySent", 2)


async def test_an_object_deleted_while_it_is_delivered_leaves_no_trace() -> None:
    slow = Stub(seconds=0.2)
    bench = Bench({"slack": slow})
    await bench.run()
    bench.store.delete(bench.ref)
    assert await bench.run() == Done(final=True)
    assert bench.ledger.is_empty
    value = bench.metrics.registry.get_sample_value
    assert value("kubernaut_notification_reconciler_active", {"phase": "Sending"}) == 0
    assert value("kubernaut_notification_reconciler_errors_total", {"error_type": "Gone"}) is None
    await asyncio.sleep(0.25)
    assert bench.rung == []


async def test_another_object_under_the_same_name_is_not_touched() -> None:
    console = Stub()
    bench = Bench({"console": console})
    old = bench.store.peek(bench.ref)
    bench.store.delete(bench.ref)
    del old["metadata"]["uid"]
    bench.store.create(old)
    assert await bench.run() == Done(final=True)
    assert (bench.verbs, console.calls) == (["GET"], [])
