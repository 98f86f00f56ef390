"""A notification that waits for its destination is asked in memory whether it still does (DD-WAIT-001)."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from notification_domain.decisions.waits import STEADY
from notification_operator.controller.request import Result
from notification_operator.controller.still_waits import StillWaits, WaitingTarget
from notification_operator.endpoints.delays import Fixed
from notification_operator.endpoints.gate import ASK_SECONDS
from notification_runtime.delivery.channel import Message, RateLimited, Transient
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.controller.gated_queue import KEY, Delays, Recorder, run_ready_tasks, running
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub, now

BREAKER: Mapping[str, float] = {
    "failure_threshold": 1,
    "open_seconds": 30,
    "initial_open_seconds": 1,
    "probes": 1,
}
POLICY = {"maxAttempts": 5, "initialBackoffSeconds": 1}
LONG = {"maxAttempts": 5, "initialBackoffSeconds": 30}
SECOND = timedelta(seconds=1)


class GatedStub(Stub):
    """A channel whose calls wait for a gate, which is open at first."""

    def __init__(self, *errors: Exception | None) -> None:
        super().__init__(*errors)
        self.gate, self.called = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def deliver(self, message: Message) -> None:
        if not self.gate.is_set():
            self.called.set()
        await self.gate.wait()
        await super().deliver(message)


def still_waits(fixture: ReconcilerFixture, result: Result) -> float | None:
    assert result.still_waits is not None, fixture.status
    return result.still_waits.left(now())


async def rejected(stub: Stub, breaker: Mapping[str, float] = BREAKER) -> tuple[ReconcilerFixture, Result]:
    """Return a notification whose first attempt was rejected, because another one opened the breaker."""
    fixture = ReconcilerFixture({"slack": stub}, breaker=breaker, retryPolicy=POLICY)
    await fixture.reconcile(fixture.create("order-2"))
    return fixture, await fixture.reconcile()


async def test_wait_for_an_open_breaker_has_no_next_attempt_in_the_status() -> None:
    fixture, result = await rejected(Stub(Transient("busy")))
    assert "nextAttemptAt" not in fixture.status
    assert result.requeue_after is not None
    assert result.requeue_after <= 1.1


async def test_wait_lasts_as_long_as_probes_of_others_fail() -> None:
    fixture, result = await rejected(Stub(Transient("busy"), Transient("busy")))
    await asyncio.sleep(1.15)
    assert still_waits(fixture, result) is None, "the breaker permits a probe"
    await fixture.reconcile(fixture.create("order-3"))
    left = still_waits(fixture, result)
    assert left is not None, "the probe of another notification failed"
    assert left <= 2.2


async def test_wait_ends_while_the_other_probe_of_an_opening_is_owed() -> None:
    fixture, result = await rejected(Stub(Transient("busy"), Transient("busy")), {**BREAKER, "probes": 2})
    await asyncio.sleep(1.15)
    await fixture.reconcile(fixture.create("order-3"))
    assert still_waits(fixture, result) is None
    await fixture.reconcile()
    assert fixture.status["phase"] == "Sent", "the breaker that opened again has admitted it"


async def test_wait_lasts_while_the_probe_of_another_notification_runs() -> None:
    stub = GatedStub(Transient("busy"))
    fixture, result = await rejected(stub)
    await asyncio.sleep(1.15)
    stub.gate.clear()
    probe = asyncio.create_task(fixture.reconcile(fixture.create("order-3")))
    await stub.called.wait()
    assert still_waits(fixture, result) == pytest.approx(1.0, abs=0.1)
    stub.gate.set()
    await probe
    assert still_waits(fixture, result) is None, "the breaker has closed"


async def test_recovery_of_the_receiver_ends_a_backoff() -> None:
    fixture = ReconcilerFixture({"slack": Stub(Transient("busy"))}, breaker=BREAKER, retryPolicy=LONG)
    result = await fixture.reconcile()
    left = still_waits(fixture, result)
    assert left is not None
    assert left <= 2.2, "it asks again after the next probe"
    await asyncio.sleep(1.15)
    assert still_waits(fixture, result) is not None, "no probe has been made"
    await fixture.reconcile(fixture.create("order-2"))
    left = still_waits(fixture, result)
    assert left == pytest.approx(STEADY.total_seconds() + 0.5, abs=0.7), "the breaker has closed"
    await asyncio.sleep(STEADY.total_seconds())
    assert still_waits(fixture, result) is None
    await fixture.reconcile()
    assert (fixture.status["phase"], fixture.status["totalAttempts"]) == ("Sent", 2)


async def test_receiver_that_fails_now_and_then_ends_no_backoff() -> None:
    breaker = {**BREAKER, "probes": 2}
    stub = Stub(Transient("busy"), None, Transient("busy"))
    fixture = ReconcilerFixture({"slack": stub}, breaker=breaker, retryPolicy=LONG)
    result = await fixture.reconcile()
    await asyncio.sleep(1.15)
    for name in ("order-2", "order-3"):
        await fixture.reconcile(fixture.create(name))
    left = still_waits(fixture, result)
    assert left is not None
    assert left > 20


async def test_failed_target_without_room_waits_for_the_room() -> None:
    fixture = ReconcilerFixture(
        {"slack": Stub(Transient("busy"))},
        breaker={**BREAKER, "initial_open_seconds": 30},
        delivery={"in_flight_bytes": 1_048_576},
        retryPolicy=POLICY,
    )
    await fixture.reconcile()
    await asyncio.sleep(1.2)
    assert fixture.operator.attempts.lease(fixture.create("order-2")).reserve("slack", 170_000, 1)
    result = await fixture.reconcile()
    assert fixture.attempts.waiting == 1
    assert result.requeue_after is None or result.requeue_after > 1


async def test_pause_holds_notifications_also_while_the_breaker_is_open() -> None:
    stub = GatedStub(RateLimited("HTTP 429", retry_after=600.0), Transient("busy"))
    fixture = ReconcilerFixture({"slack": stub}, breaker=BREAKER, retryPolicy=POLICY)
    stub.gate.clear()
    running = [asyncio.create_task(fixture.reconcile(fixture.create(f"order-{n}"))) for n in (2, 3)]
    await stub.called.wait()
    stub.gate.set()
    await asyncio.gather(*running)
    result = await fixture.reconcile()
    await run_ready_tasks()
    assert not fixture.requeued, "the attempt would be postponed, and the notification reconciled without end"
    assert still_waits(fixture, result) == pytest.approx(ASK_SECONDS, abs=1)


async def test_wait_for_a_pause_ends_with_it() -> None:
    stub = Stub(RateLimited("HTTP 429", retry_after=0.3))
    fixture = ReconcilerFixture({"slack": stub}, retryPolicy=POLICY)
    await fixture.reconcile(fixture.create("order-2"))
    result = await fixture.reconcile()
    left = still_waits(fixture, result)
    assert left is not None
    assert "nextAttemptAt" in fixture.status
    await asyncio.sleep(left + 0.05)
    assert still_waits(fixture, result) is None


async def test_target_that_waits_delays_no_other_target() -> None:
    slack, console = Stub(RateLimited("HTTP 429", retry_after=600.0)), Stub(None, Transient("full"))
    fixture = ReconcilerFixture({"slack": slack, "console": console}, retryPolicy=POLICY)
    await fixture.reconcile(fixture.create("order-2"))
    result = await fixture.reconcile()
    left = still_waits(fixture, result)
    assert left is not None, "the console is attempted again after a second, and Slack in ten minutes"
    assert left <= 1.1


async def test_notification_that_waits_for_nothing_has_nothing_to_ask() -> None:
    fixture = ReconcilerFixture({"slack": Stub(Transient("busy"))}, retryPolicy=POLICY)
    assert (await fixture.reconcile()).still_waits is None


async def test_deadline_of_the_notification_ends_its_wait() -> None:
    moment = now()
    waits = StillWaits(
        targets=(WaitingTarget(own=moment, delay=Fixed(moment + 60 * SECOND)),),
        other=moment + SECOND,
        at=moment,
    )
    assert waits.left(moment) == pytest.approx(1.0, abs=0.1)


def test_rounding_error_is_no_wait() -> None:
    async def ask() -> float | None:
        moment, since = now(), asyncio.get_running_loop().time() - 10 + 1e-9
        waits = StillWaits(targets=(), other=moment + 10 * SECOND, at=moment, since=since)
        return waits.left(moment)

    assert run_virtually(ask()) is None


@pytest.mark.parametrize(("step", "left"), [(-86_400, 10.0), (5, 5.0)])
async def test_clock_that_is_set_extends_no_wait(step: float, left: float) -> None:
    start = now()
    waits = StillWaits(
        targets=(WaitingTarget(own=start + 10 * SECOND, delay=Fixed(None)),), other=None, at=start
    )
    assert waits.left(start + step * SECOND) == pytest.approx(left, abs=0.1)


async def test_queue_asks_before_it_reconciles_and_asks_again_later() -> None:
    delays = Delays(now, 0.02, 0.02, None)
    reconcile = Recorder(Result(requeue_after=0.02, still_waits=delays.waits()), Result(final=True))
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(2)
        assert delays.left == []
        await run_ready_tasks()
        assert not queue.keys


async def test_event_reconciles_a_waiting_key_without_asking() -> None:
    reconcile = Recorder(Result(requeue_after=60.0, still_waits=Delays(now, 60.0).waits()))
    async with running(reconcile) as queue:
        queue.add(KEY)
        await reconcile.reconciliations(1)
        queue.add(KEY, version="2")
        await reconcile.reconciliations(1)
