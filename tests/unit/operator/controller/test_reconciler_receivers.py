"""Reconciliations of notifications to receivers: what they cost, and when the operator looks again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from atomic_status.testing import MemoryStore
from notification_domain.json_values import format_time
from notification_domain.key import Key
from notification_operator.ports import ReceiverPorts
from notification_runtime.delivery.channel import (
    Permanent,
    RateLimited,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.contract.kinds.specs import spec
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub, now
from tests.unit.operator.domain.receivers.entries import HOME
from tests.unit.operator.endpoints.stage import Creator
from tests.unit.operator.kube_api import until
from tests.unit.operator.watch.collections_in_memory import Collections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_runtime.delivery.channel import Channel

REVOKED = ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, "HTTP 401")
BREAKER: dict[str, Any] = {"failure_threshold": 3, "initial_open_seconds": 30, "open_seconds": 30}
SECRET_URL = {"url": None, "urlSecretRef": {"name": "hook"}}
MISSING_SECRET = {"webhook": {"urlSecretRef": {"name": "hook"}}}


def webhook(**fields: Any) -> dict[str, Any]:
    return spec("webhook") | fields


class Composition:
    """The composition that ships, with receivers in memory."""

    def __init__(
        self,
        *names: str,
        channels: dict[str, Channel] | None = None,
        to: list[str] | None = None,
        breaker: dict[str, Any] = BREAKER,
        **more: Any,
    ) -> None:
        self.collections, self.creator = Collections(), Creator()
        ports = ReceiverPorts(watches=self.collections, store=MemoryStore(), home=HOME, factory=self.creator)
        self.fixture = ReconcilerFixture(
            channels or {"console": Stub()},
            receivers=ports,
            breaker=breaker,
            addressed=to or [],
            receiverRefs=[{"name": name} for name in names],
            **more,
        )

    @asynccontextmanager
    async def following(self) -> AsyncIterator[ReconcilerFixture]:
        """Follow the receivers while the test reconciles."""
        receivers = self.fixture.operator.receivers
        assert receivers is not None
        known = asyncio.Event()
        task = asyncio.create_task(receivers.run(on_known=known.set))
        await known.wait()
        await until_idle()
        try:
            yield self.fixture
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def another(self, name: str, **changes: Any) -> Key:
        """Store another notification, with fields of its spec changed."""
        stored = self.fixture.store.peek(self.fixture.ref)
        meta = {key: stored["metadata"][key] for key in ("namespace", "creationTimestamp")}
        status = {"phase": "Pending"}
        self.fixture.store.create(
            {**stored, "metadata": meta | {"name": name}, "spec": stored["spec"] | changes, "status": status}
        )
        return self.fixture.stored(name)

    @property
    def calls(self) -> list[str]:
        return [message.id.partition(":")[2] for message in self.creator.messages]


async def until_idle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_delivery_to_a_receiver_costs_one_read_and_one_write() -> None:
    composition = Composition("hook")
    composition.collections.put_receiver("hook", webhook())
    async with composition.following() as fixture:
        result = await fixture.reconcile()
    assert (fixture.verbs, result.final, fixture.status["phase"]) == (["GET", "PUT"], True, "Sent")
    assert [target["name"] for target in fixture.status["targets"]] == ["webhook/hook"]
    assert composition.calls == ["webhook/hook:1"]


async def test_receiver_of_a_type_that_is_not_allowed_names_the_setting() -> None:
    composition = Composition("hook", types_elsewhere=("log",))
    composition.collections.put_receiver("hook", webhook())
    async with composition.following() as fixture:
        await fixture.reconcile()
        (target,) = fixture.status["targets"]
    assert (target["name"], target["attempts"], composition.calls) == ("receiver/hook", 1, [])
    assert "ask an administrator of the operator to add webhook to its setting" in target["lastError"]


def waiting(fixture: ReconcilerFixture) -> list[tuple[str, str]]:
    """Return what each message waits for, as the metrics have it."""
    return [(wait.receiver, wait.reason) for wait, _ in fixture.metrics.waiting.totals()]


async def test_quick_delivery_is_never_counted_as_waiting() -> None:
    composition, told = Composition("hook"), list[str]()
    composition.collections.put_receiver("hook", webhook())
    async with composition.following() as fixture:
        fixture.metrics.waiting.observe(told.append)
        await fixture.reconcile()
    assert (waiting(fixture), told) == ([], [])


async def test_message_for_a_suspended_receiver_waits_visibly() -> None:
    composition = Composition("hook")
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        await fixture.reconcile()
        assert waiting(fixture) == [("shop/hook", "Suspended")]
        assert fixture.status["targets"][0]["reason"] == "Suspended"
        composition.collections.put_receiver("hook", webhook(), generation=2)
        await until_idle()
        await fixture.reconcile()
    assert fixture.status["phase"] == "Sent"
    assert waiting(fixture) == []
    value = fixture.metrics.registry.get_sample_value
    assert value("kubernaut_notification_delivery_seconds_count", {"channel": "webhook"}) == 1


async def test_message_for_an_unknown_receiver_is_counted_under_no_name() -> None:
    async with Composition("absent").following() as fixture:
        await fixture.reconcile()
    assert waiting(fixture) == [("other", "ReceiverNotReady")]


async def test_notification_for_an_unknown_receiver_counts_as_no_attempt() -> None:
    composition = Composition("misspelled", retryPolicy={"maxAttempts": 1})
    async with composition.following() as fixture:
        result = await fixture.reconcile()
    assert (result.final, len(fixture.status["deliveryAttempts"])) == (True, 1)
    families = (each for each in fixture.metrics.registry.collect() if "delivery_attempts" in each.name)
    assert not any(sample.value for family in families for sample in family.samples)


async def test_scheduled_notification_waits_for_no_receiver() -> None:
    composition = Composition("hook", notBefore=format_time(now() + timedelta(hours=1)))
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        await fixture.reconcile()
    assert waiting(fixture) == []


async def test_scheduled_notification_is_not_written_and_comes_back_in_time() -> None:
    begin = now() + timedelta(hours=1)
    composition = Composition("hook", notBefore=format_time(begin))
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        for _ in range(2):
            result = await fixture.reconcile()
            assert result.requeue_after is not None
            assert 3590 < result.requeue_after <= 3600
    assert (fixture.verbs, fixture.status) == (["GET", "GET"], {"phase": "Pending"})
    assert composition.calls == []


async def test_scheduled_notification_is_not_written_during_a_pause() -> None:
    begin = now() + timedelta(hours=1)
    composition = Composition(
        to=["slack"], channels={"slack": Stub(RateLimited("HTTP 429", retry_after=600))}
    )
    fixture = composition.fixture
    await fixture.reconcile()
    later = composition.another("order-2", notBefore=format_time(begin))
    fixture.store.calls.clear()
    result = await fixture.reconcile(later)
    assert fixture.verbs == ["GET"]
    assert result.requeue_after is not None
    assert 3590 < result.requeue_after <= 3600


async def test_notification_that_expires_is_final_at_its_end() -> None:
    composition = Composition("hook", deliverBefore=format_time(now() + timedelta(seconds=0.2)))
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        result = await fixture.reconcile()
        assert result.requeue_after is not None
        assert 0 < result.requeue_after <= 0.2
        await asyncio.sleep(result.requeue_after + 0.01)
        assert (await fixture.reconcile()).final
    assert (fixture.status["phase"], fixture.status["reason"]) == ("Failed", "Expired")


async def test_fallback_of_a_quick_failure_is_attempted_at_once() -> None:
    composition = Composition("hook")
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.collections.put_receiver("spare", webhook())
    composition.creator.scripts["hook"] = [Permanent("HTTP 400")]
    async with composition.following() as fixture:
        first = await fixture.reconcile()
        assert fixture.status["phase"] == "Sending"
        assert first.requeue_after is not None
        assert first.requeue_after <= 0
        second = await fixture.reconcile()
    assert (second.final, fixture.status["phase"], fixture.verbs) == (
        True,
        "Sent",
        ["GET", "PUT"] * 2,
    )
    assert fixture.status["reason"] == "DeliveredByFallback"
    assert composition.calls == ["webhook/hook:1", "webhook/spare:1"]


async def test_fallback_with_an_open_breaker_is_not_looked_at_again_and_again() -> None:
    """The route of the running attempt is older than the fallback."""
    slow = Stub(seconds=5)
    composition = Composition("hook", channels={"slack": slow}, to=["slack"])
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.collections.put_receiver("spare", webhook())
    composition.creator.scripts |= {"hook": [Permanent("HTTP 400")], "spare": [REVOKED]}
    async with composition.following() as fixture:
        spare = composition.another("order-2", channels=[], receiverRefs=[{"name": "spare"}])
        await fixture.reconcile(spare)
        results = [await fixture.reconcile() for _ in range(4)]
        await fixture.operator.endpoints.close()
        fixture.operator.attempts.cancel()
    assert results[-1].requeue_after is not None
    assert results[-1].requeue_after > 20
    assert composition.calls.count("webhook/spare:1") == 1


async def test_held_notification_is_written_once() -> None:
    composition = Composition("hook")
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        results = [await fixture.reconcile() for _ in range(3)]
    assert fixture.verbs == ["GET", "PUT", "GET", "GET"]
    assert (fixture.status["phase"], fixture.status["totalAttempts"]) == ("Sending", 0)
    assert fixture.status["message"].endswith("; webhook/hook waits: the receiver is suspended")
    assert "nextAttemptAt" not in fixture.status
    assert all(result.requeue_after is not None and result.requeue_after > 0 for result in results)


async def test_resumed_receiver_gets_what_waited_at_once() -> None:
    composition = Composition("hook")
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        await fixture.reconcile()
        composition.collections.put_receiver("hook", webhook(), generation=2)
        await fixture.until_requeued()
        assert (await fixture.reconcile()).final
    assert composition.calls == ["webhook/hook:1"]


async def test_change_of_a_receiver_while_others_are_awaited_is_noticed() -> None:
    composition = Composition("hook", channels={"slack": Stub(seconds=0.03)}, to=["slack"])
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        reconciling = asyncio.create_task(fixture.reconcile())
        await asyncio.sleep(0.01)
        composition.collections.put_receiver("hook", webhook(), generation=2)
        await reconciling
        await fixture.until_requeued()
        assert (await fixture.reconcile()).final
    assert composition.calls == ["webhook/hook:1"]


async def test_held_target_leaves_its_room_to_another_one() -> None:
    """Both receivers have the part of the budget for large contents, which has room for one attempt."""
    composition = Composition("hook", "spare-3", delivery={"in_flight_bytes": 1 << 20}, body="x" * 50_000)
    composition.collections.put_receiver("hook", webhook(suspend=True))
    composition.collections.put_receiver("spare-3", webhook())
    async with composition.following() as fixture:
        await fixture.reconcile()
        assert not fixture.requeued, "room that nobody uses requests nobody"
    assert composition.calls == ["webhook/spare-3:1"]
    assert fixture.attempts.waiting == 0


@pytest.mark.parametrize("characters", [10, 100_000])
async def test_held_target_takes_no_room(characters: int) -> None:
    """Two objects that take and return the room of held targets in turn would request each other without end."""
    composition = Composition("hook", delivery={"in_flight_bytes": 1 << 20}, body="x" * characters)
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with composition.following() as fixture:
        other = Key(namespace="shop", name="other", uid="other")
        with closing(fixture.operator.attempts.lease(other)) as lease:
            room = lease.reserve("webhook/hook", characters, (1 << 20) // characters)
            assert room is not None
            await fixture.reconcile()
            assert fixture.attempts.waiting == 0
            [target] = fixture.status["targets"]
            assert target["state"] == "Waiting"
            assert "the receiver is suspended" in fixture.status["message"]
            room.release()
        assert not fixture.requeued


async def test_revoked_credential_of_a_holding_receiver_uses_no_attempt() -> None:
    composition = Composition("hook", retryPolicy={"maxAttempts": 1})
    composition.collections.put_receiver("hook", spec("webhook", **SECRET_URL) | {"onReceiverError": "Hold"})
    composition.collections.put_secret("hook", url="https://a.example.com")
    composition.creator.scripts["hook"] = [REVOKED]
    async with composition.following() as fixture:
        results = [await fixture.reconcile() for _ in range(3)]
        assert composition.calls == ["webhook/hook:1"]
        assert fixture.verbs == ["GET", "PUT", "GET", "GET"]
        assert all(result.requeue_after is not None and result.requeue_after > 20 for result in results)
        [target] = fixture.status["targets"]
        assert (target["state"], target["attempts"]) == ("Waiting", 0)
        composition.creator.scripts = {}
        composition.collections.put_secret("hook", url="https://b.example.com")
        await fixture.until_requeued()
        assert (await fixture.reconcile()).final
    assert fixture.status["phase"] == "Sent"
    assert composition.calls == ["webhook/hook:1", "webhook/hook:2"]


async def test_notification_that_no_longer_waits_is_not_requested_again() -> None:
    composition = Composition("hook", breaker=BREAKER | {"initial_open_seconds": 0.1})
    composition.collections.put_receiver("hook", webhook(onReceiverError="Hold"))
    composition.creator.scripts["hook"] = [REVOKED, None]
    async with composition.following() as fixture:
        while not (result := await fixture.reconcile()).final:
            assert result.requeue_after is not None
            await asyncio.sleep(result.requeue_after)
        composition.collections.put_receiver("hook", webhook(timeout="3s"), generation=2)
        await until_idle()
        assert not fixture.requeued


async def test_recipients_of_a_receiver_that_is_created_again_get_what_they_lack() -> None:
    composition = Composition("shift", retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 1})
    people = ["ann@example.com", "bob@example.com"]
    composition.creator.scripts["shift"] = [None, Transient("greylisted"), None]
    composition.collections.put_receiver("shift", spec("email", to=people))
    async with composition.following() as fixture:
        result = await fixture.reconcile()
        composition.collections.put_receiver("shift", spec("email", to=people), uid="again")
        await until_idle()
        assert result.requeue_after is not None
        await asyncio.sleep(result.requeue_after)
        assert (await fixture.reconcile()).final
    assert [message.address for message in composition.creator.messages] == [*people, people[1]]
    states = [(target["state"], target["attempts"]) for target in fixture.status["targets"]]
    assert states == [("Delivered", 1), ("Delivered", 2)]


async def test_message_is_sent_once_when_its_receiver_appears() -> None:
    composition = Composition("hook")
    async with composition.following() as fixture:
        missing = await fixture.reconcile()
        assert [target["name"] for target in fixture.status["targets"]] == ["receiver/hook"]
        assert missing.requeue_after is not None
        assert missing.requeue_after > 20
        composition.collections.put_receiver("hook", webhook())
        await fixture.until_requeued()
        assert (await fixture.reconcile()).final
    assert composition.calls == ["webhook/hook:1"]
    assert [target["name"] for target in fixture.status["targets"]] == ["webhook/hook"]
    assert (fixture.status["phase"], fixture.status["totalAttempts"]) == ("Sent", 2)


async def test_message_is_sent_once_to_a_receiver_that_appears_meanwhile() -> None:
    slow = Stub(seconds=0.3)
    composition = Composition("hook", channels={"slack": slow}, to=["slack"])
    async with composition.following() as fixture:
        await fixture.reconcile()
        composition.collections.put_receiver("hook", webhook())
        await fixture.until_requeued()
        for _ in range(3):
            await fixture.reconcile()
        assert composition.calls == [], "the running attempt keeps its route"
        await fixture.until_requeued()
        for _ in range(2):
            await fixture.reconcile()
    assert composition.calls == ["webhook/hook:1"]


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        pytest.param(None, 5, id="missing"),
        pytest.param({}, 5, id="forbidden"),
        pytest.param(MISSING_SECRET, 5, id="not-ready"),
        pytest.param(MISSING_SECRET | {"onReceiverError": "Hold"}, 2, id="held"),
        pytest.param({"suspend": True}, 2, id="suspended"),
        pytest.param({"priorities": ["critical"]}, 1, id="muted"),
        pytest.param({"rateLimit": {"count": 1, "period": "1h"}}, 2, id="limited"),
    ],
)
def test_twenty_targets_that_get_nothing_are_read_together(fields: dict[str, Any] | None, most: int) -> None:
    """A bar: no more reads than attempts on a target, and one for each time at which a wait is looked at."""

    async def read() -> None:
        loop, start = asyncio.get_running_loop(), now()
        names = [f"hook-{number}" for number in range(20)]
        composition = Composition(*names, clock=lambda: start + timedelta(seconds=loop.time()))
        for name in names:
            if fields is not None:
                composition.collections.put_receiver(name, webhook(**fields))
        where = {"namespace": "elsewhere"} if fields == {} else {}
        refs = [{"name": name, **where} for name in names]
        async with composition.following() as fixture, fixture.running_queue() as queue:
            if fields is not None and "rateLimit" in fields:
                await fixture.reconcile()
                fixture.store.calls.clear()
            queue.add(composition.another("order-2", receiverRefs=refs))
            await asyncio.sleep(600)
            assert fixture.verbs.count("GET") <= most
            assert len(composition.calls) in {0, len(names)}, "only what used up the limit"

    run_virtually(read())


async def test_suppressed_notification_costs_one_write() -> None:
    composition = Composition("hook", priority="low")
    composition.collections.put_receiver("hook", webhook(priorities=["critical"]))
    async with composition.following() as fixture:
        assert (await fixture.reconcile()).final
    assert (fixture.verbs, fixture.status["phase"]) == (["GET", "PUT"], "Suppressed")
    assert composition.calls == []


async def test_notification_of_a_namespace_that_leaves_waits_until_it_is_back() -> None:
    composition = Composition("hook", selects=True)
    composition.collections.put_receiver("hook", webhook(suspend=True))
    async with asyncio.timeout(30), composition.following() as fixture, fixture.running_queue() as queue:
        await fixture.serve()
        queue.add(fixture.key)
        await until(lambda: waiting(fixture) == [("shop/hook", "Suspended")])
        held = fixture.status
        await fixture.serve(matches=False)
        await until(lambda: queue.statistics().parked == 1)
        composition.collections.put_receiver("hook", webhook(), generation=2)
        await until_idle()
        assert (fixture.status, composition.calls, waiting(fixture)) == (held, [], [])
        await fixture.serve()
        await until(lambda: fixture.status["phase"] == "Sent")
    assert composition.calls == ["webhook/hook:1"]
