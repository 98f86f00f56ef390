"""Reconciliations while a circuit breaker is open: what they cost, write and deliver."""

import asyncio

from notification_runtime.delivery.channel import Transient
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub

FAST = {"maxAttempts": 2, "initialBackoffSeconds": 1}


def entries(fixture: ReconcilerFixture) -> list[tuple[int, str, bool]]:
    return [
        (entry["attempt"], entry["status"], entry.get("circuitOpen", False))
        for entry in fixture.status["deliveryAttempts"]
    ]


def fixture_with(stub: Stub, *, open_seconds: float) -> ReconcilerFixture:
    breaker = {
        "failure_threshold": 1,
        "open_seconds": open_seconds,
        "initial_open_seconds": open_seconds,
        "probes": 1,
    }
    return ReconcilerFixture({"slack": stub}, breaker=breaker, retryPolicy=FAST)


def dated_back(fixture: ReconcilerFixture) -> None:
    """Let the pause after the recorded attempts be over."""
    status = fixture.status
    for entry in status["deliveryAttempts"]:
        entry["timestamp"] = "2026-01-01T00:00:00Z"
    fixture.store.write_as_other(fixture.ref, **status)


async def test_rejected_attempt_costs_one_read_and_one_write_and_waits() -> None:
    stub = Stub(Transient("busy"))
    fixture = fixture_with(stub, open_seconds=30)
    await fixture.reconcile()
    dated_back(fixture)
    fixture.store.calls.clear()
    result = await fixture.reconcile()
    assert fixture.verbs == ["GET", "PUT"]
    assert entries(fixture) == [(1, "failed", False), (2, "failed", True)]
    assert "circuit breaker open" in fixture.status["deliveryAttempts"][-1]["error"]
    assert result.requeue_after is not None
    assert 25 < result.requeue_after <= 30
    assert "nextAttemptAt" not in fixture.status, "only the breaker knows it"
    assert len(stub.calls) == 1


async def test_further_reconciliations_change_nothing() -> None:
    fixture = fixture_with(Stub(Transient("busy")), open_seconds=30)
    await fixture.reconcile()
    dated_back(fixture)
    await fixture.reconcile()
    fixture.store.calls.clear()
    for _ in range(3):
        result = await fixture.reconcile()
        assert result.requeue_after is not None
        assert result.requeue_after > 25
    assert fixture.verbs == ["GET"] * 3


async def test_failed_probe_of_another_notification_writes_nothing() -> None:
    stub = Stub(Transient("busy"), Transient("busy"))
    fixture = fixture_with(stub, open_seconds=0.3)
    await fixture.reconcile()
    dated_back(fixture)
    await fixture.reconcile()
    other = fixture.create("order-2")
    before = fixture.status
    await asyncio.sleep(0.3)
    await fixture.reconcile(other)
    assert len(stub.calls) == 2
    fixture.store.calls.clear()
    result = await fixture.reconcile()
    assert fixture.status == before
    assert result.requeue_after is not None
    assert fixture.verbs == ["GET"]


async def test_recovered_destination_gets_the_attempts_of_the_policy() -> None:
    stub = Stub(Transient("busy"))
    fixture = fixture_with(stub, open_seconds=0.2)
    await fixture.reconcile()
    dated_back(fixture)
    result = await fixture.reconcile()
    assert result.requeue_after is not None
    await asyncio.sleep(result.requeue_after)
    assert (await fixture.reconcile()).final
    assert entries(fixture) == [(1, "failed", False), (2, "failed", True), (3, "success", False)]
    assert (fixture.status["phase"], fixture.status["totalAttempts"]) == ("Sent", 3)
    assert stub.calls == [f"{fixture.key.uid}:slack:1", f"{fixture.key.uid}:slack:3"]


async def test_restart_forgets_the_breaker_and_delivers_at_once() -> None:
    stub = Stub(Transient("busy"))
    fixture = fixture_with(stub, open_seconds=30)
    await fixture.reconcile()
    dated_back(fixture)
    await fixture.reconcile()
    restarted = ReconcilerFixture({"slack": stub}, store=fixture.store)
    assert (await restarted.reconcile()).final
    assert fixture.status["phase"] == "Sent"


async def test_rejected_attempt_is_not_counted_as_a_delivery() -> None:
    fixture = fixture_with(Stub(Transient("busy")), open_seconds=30)
    await fixture.reconcile()
    dated_back(fixture)
    await fixture.reconcile()
    value = fixture.metrics.registry.get_sample_value
    labels = {"channel": "slack", "receiver": "", "status": "failure"}
    assert value("kubernaut_notification_delivery_attempts_total", labels) == 1
    assert value("kubernaut_notification_delivery_duration_seconds_count", {"channel": "slack"}) == 1


async def test_new_notification_shows_at_once_that_it_waits_for_a_breaker() -> None:
    stub = Stub(Transient("busy"))
    fixture = fixture_with(stub, open_seconds=30)
    second = fixture.create("order-2")
    await fixture.reconcile(second)
    result = await fixture.reconcile()
    assert entries(fixture) == [(1, "failed", True)]
    assert (fixture.status["phase"], fixture.status["failedDeliveries"]) == ("Sending", 1)
    assert "nextAttemptAt" not in fixture.status
    assert result.requeue_after is not None
    assert result.requeue_after > 25
    assert len(stub.calls) == 1
