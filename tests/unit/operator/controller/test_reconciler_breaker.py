"""Passes over a notification whose receiver's circuit breaker is open: what they cost, write and deliver."""

import asyncio

from notification_operator.delivery.channel import Transient
from notification_operator.domain.breaker import Limits
from notification_operator.domain.text.timestamps import format_time, parse_time
from tests.unit.operator.controller.reconciler_fixture import Bench, Stub, now

FAST = {"maxAttempts": 2, "initialBackoffSeconds": 1}


def entries(bench: Bench) -> list[tuple[int, str, bool]]:
    return [
        (entry["attempt"], entry["status"], entry.get("circuitOpen", False))
        for entry in bench.status["deliveryAttempts"]
    ]


def bench_with(stub: Stub, *, open_seconds: float) -> Bench:
    limits = Limits(failure_threshold=1, open_seconds=open_seconds, probes=1)
    return Bench({"slack": stub}, limits=limits, retryPolicy=FAST)


def dated_back(bench: Bench) -> None:
    """Let the pause after the recorded tries be over."""
    status = bench.status
    for entry in status["deliveryAttempts"]:
        entry["timestamp"] = "2026-01-01T00:00:00Z"
    bench.store.write_as_other(bench.ref, **status)


async def test_a_try_that_is_turned_away_costs_one_read_and_one_write_and_then_waits_for_the_probe() -> None:
    stub = Stub(Transient("busy"))
    bench = bench_with(stub, open_seconds=30)
    await bench.run()
    dated_back(bench)
    before = now()
    bench.store.calls.clear()
    done = await bench.run()
    assert bench.verbs == ["GET", "PUT"]
    assert entries(bench) == [(1, "failed", False), (2, "failed", True)]
    assert "circuit breaker open" in bench.status["deliveryAttempts"][-1]["error"]
    assert done.again_in is not None
    assert 25 < done.again_in <= 30
    assert parse_time(bench.status["nextAttemptAt"]) > before
    assert len(stub.calls) == 1


async def test_further_passes_meanwhile_change_nothing() -> None:
    bench = bench_with(Stub(Transient("busy")), open_seconds=30)
    await bench.run()
    dated_back(bench)
    await bench.run()
    bench.store.calls.clear()
    for _ in range(3):
        done = await bench.run()
        assert done.again_in is not None
        assert done.again_in > 25
    assert bench.verbs == ["GET"] * 3


async def test_after_a_probe_that_failed_only_the_time_of_the_next_one_is_written() -> None:
    stub = Stub(Transient("busy"), Transient("busy"))
    bench = bench_with(stub, open_seconds=0.3)
    await bench.run()
    dated_back(bench)
    await bench.run()
    other = Bench({"slack": stub}, retryPolicy=FAST)
    other.reconciler._dispatcher = bench.reconciler._dispatcher
    told = bench.status["nextAttemptAt"]
    await asyncio.sleep(0.3)
    await other.run()
    assert len(stub.calls) == 2
    bench.store.calls.clear()
    await bench.run()
    assert entries(bench) == [(1, "failed", False), (2, "failed", True)]
    assert bench.status["nextAttemptAt"] > told
    assert bench.verbs == ["GET", "PUT"]


async def test_once_the_receiver_is_well_it_is_served_with_the_tries_that_its_policy_allows() -> None:
    stub = Stub(Transient("busy"))
    bench = bench_with(stub, open_seconds=0.2)
    await bench.run()
    dated_back(bench)
    done = await bench.run()
    assert done.again_in is not None
    await asyncio.sleep(done.again_in)
    assert (await bench.run()).final
    assert entries(bench) == [(1, "failed", False), (2, "failed", True), (3, "success", False)]
    assert (bench.status["phase"], bench.status["totalAttempts"]) == ("Sent", 3)
    assert stub.calls == [f"{bench.key.uid}:slack:1", f"{bench.key.uid}:slack:3"]


async def test_a_restart_forgets_the_breaker_and_tries_at_once() -> None:
    stub = Stub(Transient("busy"))
    bench = bench_with(stub, open_seconds=30)
    await bench.run()
    dated_back(bench)
    await bench.run()
    fresh = Bench({"slack": stub})
    fresh.store, fresh.key = bench.store, bench.key
    fresh.reconciler._store = bench.store
    assert (await fresh.run()).final
    assert bench.status["phase"] == "Sent"


async def test_a_try_that_was_turned_away_is_none_of_the_delivery_figures() -> None:
    bench = bench_with(Stub(Transient("busy")), open_seconds=30)
    await bench.run()
    dated_back(bench)
    await bench.run()
    value = bench.metrics.registry.get_sample_value
    labels = {"channel": "slack", "status": "failure"}
    assert value("kubernaut_notification_delivery_attempts_total", labels) == 1
    assert value("kubernaut_notification_delivery_duration_seconds_count", {"channel": "slack"}) == 1


async def test_a_new_notification_says_at_once_that_it_waits_for_a_breaker() -> None:
    stub = Stub(Transient("busy"))
    first = bench_with(stub, open_seconds=30)
    await first.run()
    second = Bench({"slack": stub}, retryPolicy=FAST)
    second.reconciler._dispatcher = first.reconciler._dispatcher
    done = await second.run()
    assert entries(second) == [(1, "failed", True)]
    assert (second.status["phase"], second.status["failedDeliveries"]) == ("Sending", 1)
    assert second.status["nextAttemptAt"] > format_time(now())
    assert done.again_in is not None
    assert done.again_in > 25
    assert len(stub.calls) == 1
