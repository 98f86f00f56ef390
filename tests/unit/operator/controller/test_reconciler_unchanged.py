"""Reconciliations that may start nothing, in a shutdown or of a foreign shard: running attempts are recorded."""

import asyncio

from notification_operator.delivery.channel import Transient
from tests.unit.operator.controller.reconciler_fixture import IDLE, ReconcilerFixture, Stub

POLICY = {"maxAttempts": 3, "initialBackoffSeconds": 1}


async def test_shutdown_records_running_attempts_and_starts_none() -> None:
    slow = Stub(Transient("busy"), seconds=0.2)
    fixture = ReconcilerFixture({"slack": slow}, retryPolicy=POLICY)
    await fixture.reconcile()
    fixture.operator.ownership.begin_shutdown()
    await fixture.until_requeued()
    await fixture.reconcile()
    assert fixture.status["totalAttempts"] == 1
    await asyncio.sleep(1.1)
    await fixture.reconcile()
    assert len(slow.calls) == 1
    assert fixture.attempts == IDLE


async def test_shutdown_reconciles_only_when_a_running_attempt_finishes() -> None:
    slow, busy = Stub(seconds=0.3), Stub(Transient("busy"))
    fixture = ReconcilerFixture({"slack": slow, "file": busy}, retryPolicy=POLICY)
    async with fixture.running_queue() as queue:
        queue.add(fixture.key)
        await asyncio.sleep(0.2)
        assert queue.statistics().delayed == 1
        fixture.operator.ownership.begin_shutdown()
        async with asyncio.timeout(5):
            await fixture.operator.attempts.idle()
        await asyncio.sleep(1.2)
        assert queue.statistics().delayed == 0
    assert (fixture.status["totalAttempts"], len(busy.calls)) == (2, 1)
    assert fixture.verbs == ["GET", "PUT", "GET", "PUT"]


async def test_foreign_shard_records_attempts_without_starting_new_ones() -> None:
    slow, console = Stub(Transient("busy"), seconds=0.2), Stub()
    fixture = ReconcilerFixture({"slack": slow, "console": console}, elects=True, retryPolicy=POLICY)
    assert (await fixture.reconcile()).requeue_after == 0
    assert (slow.calls, console.calls, fixture.verbs) == ([], [], ["GET"])
    await fixture.lead()
    await fixture.reconcile()
    await fixture.lose_leadership()
    await fixture.until_requeued()
    assert (await fixture.reconcile()).requeue_after == 0
    assert fixture.status["totalAttempts"] == 2
    assert fixture.attempts == IDLE
