"""Reconciliations and attempts that may start nothing: in a shutdown, of a foreign shard, of what is deleted or has expired."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from atomic_status import ObjectRef
from notification_domain.json_values import format_time
from notification_runtime.delivery.channel import Message, Transient
from tests.unit.operator.controller.reconciler_fixture import IDLE, ReconcilerFixture, Stub, now
from tests.unit.operator.kube_api import until

POLICY = {"maxAttempts": 3, "initialBackoffSeconds": 1}
ONE_SLOT: Mapping[str, object] = {"concurrency_per_channel": 1, "visible_after_seconds": 0.01}


class Held(Stub):
    """A channel whose calls end when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = asyncio.Event()

    async def deliver(self, message: Message) -> None:
        await super().deliver(message)
        await self.ends.wait()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Held:
    # A call of this channel gives its slot to no other one, however busy the machine is.
    monkeypatch.setattr("notification_operator.endpoints.call_slots.OVERTIME_SECONDS", 3600)
    return Held()


async def waiting_for_a_slot(slow: Held, *, elects: bool = True, **spec: Any) -> ReconcilerFixture:
    """Return a fixture of which one notification is being sent, and two wait for a slot."""
    fixture = ReconcilerFixture({"slack": slow}, delivery=ONE_SLOT, elects=elects, **spec)
    if elects:
        await fixture.lead()
    for key in (fixture.key, fixture.create("order-2"), fixture.create("order-3")):
        await fixture.reconcile(key)
    assert (len(slow.calls), fixture.attempts.running) == (1, 3)
    return fixture


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


async def test_lost_lease_postpones_the_attempts_that_wait_for_a_slot(slow: Held) -> None:
    fixture = await waiting_for_a_slot(slow)
    async with asyncio.timeout(20), fixture.running_queue() as queue:
        await fixture.lose_leadership()
        slow.ends.set()
        await until(lambda: queue.statistics().parked == 3)
        assert (len(slow.calls), fixture.attempts.running) == (1, 0)
        fixture.leases.take_over("notification-operator", "")
        await fixture.lead()
        await until(lambda: fixture.phases == ["Sent"] * 3)
    assert len(slow.calls) == len(set(slow.calls)) == 3


async def test_lease_that_is_acquired_again_revives_no_waiting_attempt(slow: Held) -> None:
    fixture = await waiting_for_a_slot(slow)
    await fixture.lose_leadership()
    fixture.leases.take_over("notification-operator", "")
    await fixture.lead()
    slow.ends.set()
    await until(lambda: not fixture.attempts.running)
    assert len(slow.calls) == 1


async def test_release_of_a_lease_waits_for_no_attempt_without_a_slot(slow: Held) -> None:
    fixture = await waiting_for_a_slot(slow)
    async with asyncio.timeout(20), fixture.running_queue():
        assert not await fixture.leave()
        slow.ends.set()
        while not await fixture.leave():  # noqa: ASYNC110 - a round of the elector each
            await asyncio.sleep(0.01)
    assert len(slow.calls) == 1
    assert fixture.phases == ["Sent", "Sending", "Sending"]


async def test_shutdown_begins_no_call_of_attempts_that_wait_for_a_slot(slow: Held) -> None:
    fixture = await waiting_for_a_slot(slow, elects=False)
    async with asyncio.timeout(20), fixture.running_queue():
        reads = fixture.verbs.count("GET")
        fixture.operator.ownership.begin_shutdown()
        slow.ends.set()
        await fixture.operator.attempts.idle()
        await asyncio.sleep(0.1)
    assert len(slow.calls) == 1
    assert fixture.phases == ["Sent", "Sending", "Sending"]
    assert fixture.verbs.count("GET") == reads + 1


async def test_deletion_ends_the_attempts_that_wait_for_a_slot(slow: Held) -> None:
    fixture = await waiting_for_a_slot(slow, elects=False)
    async with asyncio.timeout(20), fixture.running_queue() as queue:
        for ref in others():
            deleted = fixture.store.peek(ref)
            fixture.store.delete(ref)
            fixture.operator.event_handler.handle("DELETED", deleted)
        await until(lambda: not queue.keys)
        slow.ends.set()
        await until(lambda: fixture.attempts == IDLE)
    assert len(slow.calls) == 1


async def test_deletion_with_a_finalizer_ends_the_attempts_that_wait_for_a_slot(slow: Held) -> None:
    fixture = await waiting_for_a_slot(slow, elects=False)
    async with asyncio.timeout(20), fixture.running_queue() as queue:
        for ref in others():
            fixture.store.objects[str(ref)]["metadata"]["deletionTimestamp"] = format_time(now())
            queue.add(fixture.stored(ref.name))
        await until(lambda: not (queue.statistics().waiting or queue.running))
        slow.ends.set()
        await until(lambda: fixture.phases == ["Sent", "Suppressed", "Suppressed"])
    assert (len(slow.calls), fixture.attempts) == (1, IDLE)


async def test_deletion_that_only_the_write_sees_ends_the_attempt_that_waits(slow: Held) -> None:
    fixture = ReconcilerFixture({"slack": slow}, delivery=ONE_SLOT, elects=False)
    await fixture.reconcile()
    second = fixture.create("order-2")

    def delete() -> None:
        ref = ObjectRef(namespace="shop", name="order-2", uid=second.uid)
        fixture.store.objects[str(ref)]["metadata"]["deletionTimestamp"] = format_time(now())
        fixture.store.write_as_other(ref, note="the deletion changes the object's version")

    fixture.store.interfere_next(delete)
    await fixture.reconcile(second)
    assert (fixture.conflicts, fixture.attempts.running) == (1, 2)
    async with asyncio.timeout(20), fixture.running_queue():
        slow.ends.set()
        await until(lambda: fixture.phases == ["Sent", "Suppressed"])
    assert (len(slow.calls), fixture.attempts) == (1, IDLE)


async def test_expiry_ends_the_attempts_that_wait_for_a_slot(slow: Held) -> None:
    deadline = now() + timedelta(seconds=1.5)
    fixture = await waiting_for_a_slot(slow, elects=False, deliverBefore=format_time(deadline))
    async with asyncio.timeout(20), fixture.running_queue():
        await until(lambda: now() > deadline)
        slow.ends.set()
        await until(lambda: fixture.phases == ["Sent", "Failed", "Failed"])
    assert len(slow.calls) == 1
    assert {fixture.store.peek(ref)["status"]["reason"] for ref in others()} == {"Expired"}


def others() -> list[ObjectRef]:
    """Return the notifications that wait for a slot."""
    return [ObjectRef(namespace="shop", name=name) for name in ("order-2", "order-3")]
