"""A reconciliation with all layers around it: what it costs, and what it never does twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from atomic_status import ConflictExhausted, ObjectRef, Rejected, Unavailable
from atomic_status.testing import MemoryStore
from notification_domain.folding.fold import fold
from notification_domain.rendering.job import P, Renderer, T
from notification_operator.controller import reconciler, reconciliation, workqueue
from notification_operator.controller.request import Result
from notification_operator.endpoints.endpoint import Endpoint
from notification_runtime.delivery.channel import Permanent, Transient
from notification_runtime.telemetry.gauges import AttemptStatistics
from tests.simulation.null_ports import NoEvents
from tests.unit.operator.controller.reconciler_fixture import IDLE, ReconcilerFixture, Stub
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status import StatusError
    from notification_domain.rendering.job import Job
    from notification_domain.situation import Situation
    from notification_domain.status import Status
    from notification_runtime.delivery.channel import Message
    from notification_runtime.kube.events import Event


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
    assert fixture.attempts == AttemptStatistics(running=1, held_bytes=fixture.attempts.held_bytes)
    value = fixture.metrics.registry.get_sample_value
    assert value("kubernaut_notification_reconciler_active", {"phase": "Sending"}) == 0
    assert value("kubernaut_notification_reconciler_errors_total", {"error_type": "Gone"}) is None
    await asyncio.sleep(0.25)
    assert not fixture.requeued
    assert fixture.attempts == IDLE


class Meanwhile(Renderer):
    """Computes jobs; something happens during each of them."""

    def __init__(self) -> None:
        self.happens: Callable[[], None] = lambda: None

    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        self.happens()
        return await super().run(namespace, job, *args, **arguments)


async def test_object_that_is_deleted_while_it_is_redacted_is_not_sent() -> None:
    renderer, console = Meanwhile(), Stub()
    fixture = ReconcilerFixture({"console": console}, renderer=renderer, body="b" * 5_000)
    renderer.happens = fixture.delete
    assert await fixture.reconcile() == Result(final=True)
    assert (console.calls, fixture.verbs) == ([], ["GET"])


async def test_another_object_of_the_same_name_is_not_touched() -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    old = fixture.store.peek(fixture.ref)
    fixture.store.delete(fixture.ref)
    del old["metadata"]["uid"]
    fixture.store.create(old)
    assert await fixture.reconcile() == Result(final=True)
    assert (fixture.verbs, console.calls) == (["GET"], [])


TOO_LARGE = "500 etcdserver: request is too large"


class RefusingStore(MemoryStore):
    """Refuses every status write while `error` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Callable[[ObjectRef], StatusError] | None = None

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        if self.error is not None:
            self.calls.append(("PUT", obj["metadata"]["name"]))
            raise self.error(ObjectRef(namespace="shop", name=obj["metadata"]["name"]))
        return await super().replace_status(obj)


@pytest.mark.parametrize(
    "error",
    [
        lambda ref: Rejected(ref, code=413, reason="too large"),
        lambda ref: Rejected(ref, code=422, reason="invalid"),
        lambda ref: Unavailable(ref, reason=TOO_LARGE),
    ],
    ids=["413", "422", "etcd"],
)
async def test_refused_object_is_stalled_until_it_changes_and_never_repeats(
    error: Callable[[ObjectRef], StatusError], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    monkeypatch.setattr(NoEvents, "record", lambda _, event: events.append(event))
    monkeypatch.setattr(workqueue, "FIRST_BACKOFF", 0.001)
    store, console = RefusingStore(), Stub()
    fixture = ReconcilerFixture({"console": console}, store=stored(store))
    store.error = error
    async with fixture.running_queue() as queue:
        queue.add(fixture.key)
        await until(lambda: queue.statistics().stalled)
        writes = fixture.verbs.count("PUT")
        version = store.peek(fixture.ref)["metadata"]["resourceVersion"]
        queue.add(fixture.key, version=version)
        await asyncio.sleep(0.1)
        assert fixture.verbs.count("PUT") == writes == reconciler.STALLED_AFTER
        (event,) = events
        assert (event.type, event.reason, event.regarding.name) == ("Warning", "StatusRefused", "order-1")
        async with asyncio.timeout(1):
            await fixture.operator.attempts.idle()
        store.error = None
        store.write_as_other(fixture.ref, note="changed")
        queue.add(fixture.key, version=store.peek(fixture.ref)["metadata"]["resourceVersion"])
        await until(lambda: fixture.status["phase"] == "Sent")
        assert queue.statistics().stalled == 0
    assert (len(console.calls), fixture.attempts) == (1, IDLE)


async def test_object_that_no_decision_can_be_made_about_is_stalled_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its attempt stays without a record, but no other object waits for it, and neither does its shard nor a stop."""
    monkeypatch.setattr(workqueue, "FIRST_BACKOFF", 0.001)
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    other = fixture.create("order-2")
    operator = fixture.operator

    def fail(situation: Situation, *arguments: Any, **options: Any) -> Status:
        if situation.notification.uid == fixture.key.uid:
            raise OverflowError("date value out of range")
        return fold(situation, *arguments, **options)

    monkeypatch.setattr(reconciliation, "fold", fail)
    async with fixture.running_queue() as queue:
        queue.add(fixture.key)
        await until(lambda: queue.statistics().stalled)
        assert queue.statistics().most_failures == reconciler.STALLED_AFTER
        assert operator.attempts.statistics().unrecorded == 1
        queue.add(other)
        await until(
            lambda: fixture.store.peek(replace(fixture.ref, name="order-2"))["status"]["phase"] == "Sent"
        )
        assert operator.ownership.drained(0)
        async with asyncio.timeout(1):
            await operator.attempts.idle()
        monkeypatch.setattr(reconciliation, "fold", fold)
        queue.add(fixture.key)
        await until(lambda: fixture.status["phase"] == "Sent")
        assert (queue.statistics().stalled, fixture.attempts) == (0, IDLE)
    assert len(console.calls) == 2, "the attempt that waited for its record was not repeated"


@pytest.mark.parametrize("code", [401, 403])
async def test_refused_account_is_retried_without_end(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue, "LONGEST_BACKOFF", 0.001)
    store = RefusingStore()
    fixture = ReconcilerFixture({"console": Stub()}, store=stored(store))
    store.error = lambda ref: Rejected(ref, code=code, reason="not allowed")
    async with fixture.running_queue() as queue:
        queue.add(fixture.key)
        await until(lambda: fixture.verbs.count("PUT") >= 3 * reconciler.STALLED_AFTER)
        assert queue.statistics().stalled == 0


async def test_delay_that_the_api_server_asks_for_is_kept() -> None:
    store = RefusingStore()
    fixture = ReconcilerFixture({"console": Stub()}, store=stored(store))
    store.error = lambda ref: Unavailable(ref, reason="429 too many requests", retry_after=30)
    async with fixture.running_queue() as queue:
        queue.add(fixture.key)
        await until(lambda: queue.statistics().most_failures)
        await asyncio.sleep(3 * workqueue.FIRST_BACKOFF)
        assert (fixture.verbs.count("PUT"), queue.statistics().delayed) == (1, 1)


def stored(store: RefusingStore) -> RefusingStore:
    """Return the store with a notification in it."""
    store.create(
        {
            "apiVersion": "kubernaut.ai/v1alpha1",
            "kind": "NotificationRequest",
            "metadata": {
                "namespace": "shop",
                "name": "order-1",
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"type": "simple", "subject": "s", "body": "b", "channels": ["console"]},
            "status": {"phase": "Pending"},
        }
    )
    return store


class Odd(Stub):
    """A channel with an attribute that no channel should have."""

    def __init__(self, attribute: str, value: object) -> None:
        super().__init__(Transient("busy", retry_after="30"))  # type: ignore[arg-type]  # a bug of a plugin
        setattr(self, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "value"), [("destination", ["a"]), ("concurrency", "4"), ("concurrency", 0), ("other", 1)]
)
async def test_odd_channel_yields_a_recorded_failure_with_a_next_attempt(
    attribute: str, value: object
) -> None:
    fixture = ReconcilerFixture({"console": Odd(attribute, value)})
    result = await fixture.reconcile()
    assert fixture.status["failedDeliveries"] == 1
    assert "nextAttemptAt" in fixture.status
    assert (result.requeue_after is not None, fixture.attempts) == (True, IDLE)


async def test_channel_that_cannot_count_its_messages_sends_them() -> None:
    class Miscounting(Stub):
        def messages_of(self, message: Message) -> int:
            raise KeyError(message.id)

    miscounting, other = Miscounting(), Stub()
    fixture = ReconcilerFixture({"slack": other, "console": miscounting})
    await fixture.reconcile()
    assert (len(other.calls), len(miscounting.calls)) == (1, 1)
    assert fixture.attempts == IDLE


async def test_channel_that_cannot_be_asked_keeps_no_room_of_another_one() -> None:
    fixture = ReconcilerFixture({"slack": Stub(), "console": Odd("copies", "2")})
    with pytest.raises(TypeError):
        await fixture.reconcile()
    assert fixture.attempts == IDLE


async def test_broken_endpoint_yields_a_recorded_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    fixture = ReconcilerFixture({"console": Stub()})

    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Endpoint, "_deliver", break_down)
    result = await fixture.reconcile()
    assert (fixture.status["phase"], result.final, fixture.attempts) == ("Failed", True, IDLE)


async def test_channel_that_cancels_itself_yields_a_recorded_failure() -> None:
    class Cancelling(Stub):
        async def deliver(self, message: Message) -> None:
            self.calls.append(message.id)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)

    channel = Cancelling()
    fixture = ReconcilerFixture({"console": channel})
    await fixture.reconcile()
    assert (fixture.status["phase"], len(channel.calls), fixture.attempts) == ("Failed", 1, IDLE)


BUDGET = {"in_flight_bytes": 1_048_576}
LARGE = "x" * 250_000
"""Two of them exceed the budget."""


async def test_attempt_without_room_waits_without_content_and_without_a_write() -> None:
    fixture = ReconcilerFixture({"slack": Stub(seconds=0.2)}, delivery=BUDGET, body=LARGE)
    second = fixture.create("order-2")
    await fixture.reconcile()
    waiting = await fixture.reconcile(second)
    assert (waiting.requeue_after, waiting.error, waiting.final) == (None, None, False)
    assert fixture.verbs[-1] == "GET"
    assert (fixture.attempts.running, fixture.attempts.waiting) == (1, 1)
    await until(lambda: second in fixture.operator.queue.keys)
    result = await fixture.reconcile(second)
    assert (fixture.attempts.running, fixture.attempts.waiting, result.final) == (1, 0, False)


async def test_channel_with_room_does_not_wait_for_one_without() -> None:
    slow, quick = Stub(seconds=0.3), Stub()
    fixture = ReconcilerFixture({"slack": slow, "console": quick}, delivery=BUDGET, body="x" * 150_000)
    keys = [fixture.key, fixture.create("order-2")]
    for key in keys:
        result = await fixture.reconcile(key)
    assert (len(slow.calls), len(quick.calls), fixture.attempts.waiting) == (1, 2, 1)
    assert result.requeue_after is None


async def test_budget_is_empty_at_the_end() -> None:
    fixture = ReconcilerFixture({"slack": Stub(seconds=0.01)}, delivery=BUDGET, body=LARGE)
    keys = [fixture.key, *(fixture.create(f"order-{number}") for number in range(2, 8))]
    held = []
    async with fixture.running_queue() as queue:
        for key in keys:
            queue.add(key)
        while queue.keys:
            held.append(fixture.attempts.held_bytes)
            await asyncio.sleep(0.002)
    assert fixture.attempts == IDLE
    assert 0 < max(held) < 2 * 3 * len(LARGE), "one attempt at a time"
