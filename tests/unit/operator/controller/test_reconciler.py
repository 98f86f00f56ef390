"""A reconciliation with all layers around it: what it costs, and what it never does twice."""

import asyncio

import pytest

from atomic_status import ConflictExhausted, Unavailable
from notification_operator.controller.request import Result
from notification_operator.delivery.channel import Permanent, Transient
from notification_operator.telemetry.statistics import AttemptStatistics
from tests.unit.operator.controller.reconciler_fixture import IDLE, ReconcilerFixture, Stub


async def test_quick_delivery_costs_one_read_and_one_write() -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    result = await fixture.reconcile()
    assert fixture.verbs == ["GET", "PUT"]
    assert (fixture.status["phase"], len(console.calls)) == ("Sent", 1)
    assert (result.final, result.requeue_after, result.error) == (True, None, None)
    assert fixture.attempts == IDLE
    assert not fixture.requeued


async def test_final_notification_is_read_and_not_written() -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    await fixture.reconcile()
    fixture.store.calls.clear()
    assert (await fixture.reconcile()).final
    assert fixture.verbs == ["GET"]
    assert len(console.calls) == 1


async def test_slow_delivery_is_shown_as_sending_and_requeues_its_key() -> None:
    slow, quick = Stub(seconds=0.3), Stub()
    fixture = ReconcilerFixture({"slack": slow, "console": quick})
    result = await fixture.reconcile()
    assert fixture.status["phase"] == "Sending"
    assert fixture.status["totalAttempts"] == 1
    assert fixture.store.peek(fixture.ref)["metadata"]["resourceVersion"] in result.observed_versions
    assert not result.final
    await fixture.until_requeued()
    await fixture.reconcile()
    assert fixture.status["phase"] == "Sent"
    assert fixture.verbs == ["GET", "PUT", "GET", "PUT"]
    assert (len(slow.calls), len(quick.calls)) == (1, 1)


async def test_only_a_delivery_is_awaited_without_a_worker() -> None:
    fixture = ReconcilerFixture({"console": Stub()})
    await fixture.reconcile()
    assert fixture.waits == 1
    await fixture.reconcile()
    assert fixture.waits == 1, "a final notification has nothing to wait for"


async def test_reconciliation_during_a_slow_delivery_does_not_repeat_it() -> None:
    slow = Stub(seconds=0.3)
    fixture = ReconcilerFixture({"slack": slow})
    await fixture.reconcile()
    await fixture.reconcile()
    assert len(slow.calls) == 1
    assert fixture.verbs == ["GET", "PUT", "GET"]
    await fixture.until_requeued()
    await fixture.reconcile()
    assert (fixture.status["phase"], len(slow.calls)) == ("Sent", 1)


async def test_conflict_folds_again_on_a_new_read_and_never_redelivers() -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    for number in range(3):
        fixture.interfere(f"foreign {number}")
    await fixture.reconcile()
    assert fixture.verbs == ["GET", "PUT", "GET", "PUT", "GET", "PUT", "GET", "PUT"]
    assert (fixture.status["phase"], fixture.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)
    assert fixture.status["note"] == "foreign 2"
    assert fixture.conflicts == 3


async def test_endless_conflicts_lose_nothing_and_are_retried() -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    for number in range(5):
        fixture.interfere(f"foreign {number}")
    assert isinstance((await fixture.reconcile()).error, ConflictExhausted)
    assert fixture.attempts.unrecorded == 1
    assert fixture.conflicts == 5
    assert (await fixture.reconcile()).error is None
    assert (fixture.status["phase"], fixture.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)


@pytest.mark.parametrize("applied", [False, True], ids=["lost", "applied without an answer"])
async def test_failed_write_is_repeated_without_a_second_delivery(applied: bool) -> None:  # noqa: FBT001
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    fixture.store.fail_next("PUT", Unavailable(fixture.ref, reason="500"), applied=applied)
    assert isinstance((await fixture.reconcile()).error, Unavailable)
    await fixture.reconcile()
    assert (fixture.status["phase"], fixture.status["totalAttempts"], len(console.calls)) == ("Sent", 1, 1)
    assert fixture.attempts == IDLE


async def test_failed_attempt_is_retried_at_its_time_and_not_before() -> None:
    flaky = Stub(Transient("busy"))
    fixture = ReconcilerFixture({"slack": flaky}, retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    result = await fixture.reconcile()
    assert fixture.status["phase"] == "Sending"
    assert result.requeue_after is not None
    assert 0.9 < result.requeue_after <= 1.1
    await fixture.reconcile()
    assert len(flaky.calls) == 1
    await asyncio.sleep(result.requeue_after)
    await fixture.reconcile()
    assert (fixture.status["phase"], len(flaky.calls)) == ("Sent", 2)
    assert flaky.calls == [f"{fixture.key.uid}:slack:1", f"{fixture.key.uid}:slack:2"]


async def test_permanent_failure_is_not_retried_and_spares_other_channels() -> None:
    refusing, fine = Stub(Permanent("no")), Stub()
    fixture = ReconcilerFixture({"slack": refusing, "console": fine})
    await fixture.reconcile()
    assert (fixture.status["phase"], fixture.status["totalAttempts"]) == ("PartiallySent", 2)


async def test_object_deleted_during_its_delivery_leaves_nothing_behind() -> None:
    slow = Stub(seconds=0.2)
    fixture = ReconcilerFixture({"slack": slow})
    await fixture.reconcile()
    fixture.store.delete(fixture.ref)
    assert await fixture.reconcile() == Result(final=True)
    assert fixture.attempts == AttemptStatistics(running=1)
    value = fixture.metrics.registry.get_sample_value
    assert value("kubernaut_notification_reconciler_active", {"phase": "Sending"}) == 0
    assert value("kubernaut_notification_reconciler_errors_total", {"error_type": "Gone"}) is None
    await asyncio.sleep(0.25)
    assert not fixture.requeued


async def test_another_object_of_the_same_name_is_not_touched() -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    old = fixture.store.peek(fixture.ref)
    fixture.store.delete(fixture.ref)
    del old["metadata"]["uid"]
    fixture.store.create(old)
    assert await fixture.reconcile() == Result(final=True)
    assert (fixture.verbs, console.calls) == (["GET"], [])
