"""Fallbacks through the composition that ships: when they join, what that costs, and whom a Resolve reaches."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from atomic_status import ObjectRef
from notification_domain.json_values import format_time
from notification_runtime.delivery.channel import (
    Permanent,
    ReceiverError,
    ReceiverProblem,
    Refused,
    Transient,
)
from notification_runtime.delivery.http.exchange import OutcomeUnknown
from tests.unit.operator.contract.kinds.specs import spec
from tests.unit.operator.controller.reconciler_fixture import now
from tests.unit.operator.controller.test_reconciler_receivers import BREAKER, SECRET_URL, Composition, webhook
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from notification_runtime.delivery.channel import DeliveryError
    from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture


def waiting_for(seconds: float, *names: str, **more: Any) -> Composition:
    """Return a notification that might have been delivered for so many seconds."""
    composition = Composition(*names, notBefore=format_time(now() - timedelta(seconds=seconds)), **more)
    composition.collections.put_receiver("spare", webhook())
    return composition


def states(fixture: ReconcilerFixture) -> dict[str, tuple[str, str]]:
    return {each["name"]: (each["state"], each.get("reason", "")) for each in fixture.status["targets"]}


async def test_fallback_of_a_suspended_receiver_joins_after_a_minute_by_a_timer() -> None:
    composition = waiting_for(59.5, "hook")
    composition.collections.put_receiver("hook", webhook(suspend=True, fallback={"name": "spare"}))
    async with composition.following() as fixture:
        held = await fixture.reconcile()
        assert held.requeue_after is not None
        assert 0 < held.requeue_after <= 0.5
        assert held.still_waits is not None
        assert held.still_waits.left(now()) is not None, "it is asked in memory"
        assert (states(fixture), fixture.verbs) == (
            {"webhook/hook": ("Waiting", "Suspended")},
            ["GET", "PUT"],
        )
        await asyncio.sleep(held.requeue_after)
        assert held.still_waits.left(now()) is None
        assert (await fixture.reconcile()).final
    assert composition.calls == ["webhook/spare:1"]
    assert (fixture.status["phase"], fixture.status["reason"]) == ("Sent", "DeliveredByFallback")
    assert (
        fixture.status["message"]
        == "Delivered to 1 channel(s); webhook/spare delivered it instead of webhook/hook"
    )
    assert states(fixture) == {
        "webhook/hook": ("Suppressed", "DeliveredByFallback"),
        "webhook/spare": ("Delivered", ""),
    }
    assert fixture.verbs == ["GET", "PUT"] * 2
    rescues = fixture.metrics.registry.get_sample_value(
        "kubernaut_notification_fallback_rescues_total", {"receiver": "shop/hook"}
    )
    assert rescues == 1


async def test_fallback_of_a_receiver_without_its_secret_joins_after_a_minute() -> None:
    composition = waiting_for(59.8, "hook")
    fields = {"onReceiverError": "Hold", "fallback": {"name": "spare"}}
    composition.collections.put_receiver("hook", spec("webhook", **SECRET_URL) | fields)
    async with composition.following() as fixture:
        held = await fixture.reconcile()
        assert states(fixture) == {"webhook/hook": ("Waiting", "ReceiverNotReady")}
        assert held.requeue_after is not None
        await asyncio.sleep(held.requeue_after)
        assert (await fixture.reconcile()).final
    assert composition.calls == ["webhook/spare:1"]


async def test_fallback_of_a_receiver_with_an_open_breaker_joins_after_a_minute() -> None:
    composition = waiting_for(59.5, "hook", breaker=BREAKER | {"failure_threshold": 1})
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.creator.scripts["hook"] = [Transient("HTTP 503")]
    async with composition.following() as fixture:
        await fixture.reconcile(composition.another("order-2", notBefore=None))
        held = await fixture.reconcile()
        assert states(fixture) == {"webhook/hook": ("Waiting", "CircuitOpen")}
        assert held.requeue_after is not None
        assert held.requeue_after <= 0.5, "the breaker is open for 30 seconds"
        await asyncio.sleep(held.requeue_after)
        assert (await fixture.reconcile()).final
    assert states(fixture)["webhook/hook"] == ("Suppressed", "DeliveredByFallback")


async def test_receiver_that_fails_has_five_minutes_before_its_fallback_joins() -> None:
    composition = waiting_for(61, "hook", retryPolicy={"maxAttempts": 5, "initialBackoffSeconds": 300})
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.creator.scripts["hook"] = [Transient("HTTP 503")]
    async with composition.following() as fixture:
        result = await fixture.reconcile()
    assert result.requeue_after is not None
    assert 238 < result.requeue_after < 239.5
    assert composition.calls == ["webhook/hook:1"]


async def test_receiver_gets_it_first_although_no_operator_was_running_for_long() -> None:
    composition = waiting_for(3600, "hook")
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    async with composition.following() as fixture:
        assert (await fixture.reconcile()).final
    assert (composition.calls, fixture.verbs) == (["webhook/hook:1"], ["GET", "PUT"])


async def test_fallback_that_joins_also_leaves_the_receiver_its_message() -> None:
    composition = waiting_for(70, "hook")
    fallback = {"name": "spare", "also": True}
    composition.collections.put_receiver("hook", webhook(suspend=True, fallback=fallback))
    async with composition.following() as fixture:
        await fixture.reconcile()
        await fixture.reconcile()
        assert states(fixture)["webhook/hook"] == ("Waiting", "Suspended")
        assert (composition.calls, fixture.status["phase"]) == (["webhook/spare:1"], "Sending")
        composition.collections.put_receiver("hook", webhook(fallback=fallback), generation=2)
        await fixture.until_requeued()
        assert (await fixture.reconcile()).final
    assert composition.calls == ["webhook/spare:1", "webhook/hook:1"]
    assert (fixture.status["phase"], fixture.status["reason"]) == ("Sent", "AllDeliveriesSucceeded")


async def test_fallback_with_never_leaves_a_suspended_receiver_its_messages() -> None:
    composition = waiting_for(3600, "hook")
    fallback = {"name": "spare", "after": "Never"}
    composition.collections.put_receiver("hook", webhook(suspend=True, fallback=fallback))
    async with composition.following() as fixture:
        for _ in range(2):
            await fixture.reconcile()
    assert (composition.calls, fixture.status["phase"]) == ([], "Sending")
    assert "nextAttemptAt" not in fixture.status


async def test_resolve_reaches_a_receiver_that_may_have_got_its_trigger() -> None:
    """The first attempt may have opened the incident, although its answer was lost."""
    composition = waiting_for(
        400, "hook", dedupKey="disk", retryPolicy={"maxAttempts": 5, "initialBackoffSeconds": 60}
    )
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.creator.scripts["hook"] = [Transient("timed out"), Transient("HTTP 503"), None]
    async with composition.following() as fixture:
        await fixture.reconcile()
        assert (await fixture.reconcile()).final
        assert states(fixture)["webhook/hook"] == ("Suppressed", "DeliveredByFallback")
        resolve = composition.another("order-2", event="Resolve")
        await fixture.reconcile(resolve)
    status = fixture.store.peek(ObjectRef(namespace="shop", name="order-2"))["status"]
    assert composition.calls == ["webhook/hook:1", "webhook/hook:1", "webhook/spare:1", "webhook/spare:1"]
    assert {each["name"]: each["state"] for each in status["targets"]} == {
        "webhook/hook": "Waiting",
        "webhook/spare": "Delivered",
    }


@pytest.mark.parametrize(
    ("failure", "phase", "reason", "message"),
    [
        (
            Refused("HTTP 503"),
            "Sent",
            "DeliveredByFallback",
            "Delivered to 1 channel(s); webhook/spare delivered it instead of webhook/hook",
        ),
        (
            ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, "HTTP 403"),
            "Sent",
            "DeliveredByFallback",
            "Delivered to 1 channel(s); webhook/spare delivered it instead of webhook/hook",
        ),
        (
            OutcomeUnknown("no answer"),
            "PartiallySent",
            "IncidentOpen",
            "Delivered to 1 of 2 channel(s); webhook/hook failed after 1 of 1 attempts; open at webhook/hook; the fallback has both",
        ),
    ],
)
async def test_resolve_is_owed_only_where_its_trigger_may_have_arrived(
    failure: DeliveryError, phase: str, reason: str, message: str
) -> None:
    composition = waiting_for(400, "hook", dedupKey="disk", retryPolicy={"maxAttempts": 1})
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.creator.scripts["hook"] = [failure]
    async with composition.following() as fixture:
        resolve = composition.another("order-2", event="Resolve")
        for key in (fixture.key, resolve):
            await fixture.reconcile(key)
            assert (await fixture.reconcile(key)).final
    assert fixture.status["reason"] == "DeliveredByFallback"
    assert [each.get("refused", False) for each in fixture.status["deliveryAttempts"]] == [
        failure.refused,
        False,
    ]
    status = fixture.store.peek(ObjectRef(namespace="shop", name="order-2"))["status"]
    assert (status["phase"], status["reason"], status["message"]) == (phase, reason, message)
    lost = any(each["type"] == "DeadLettered" for each in status["conditions"])
    assert lost == (phase == "PartiallySent")
    assert composition.calls.count("webhook/spare:1") == 2


async def test_lost_resolve_is_a_dead_letter_although_the_fallback_got_it() -> None:
    composition = waiting_for(400, "hook", dedupKey="disk")
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.creator.scripts["hook"] = [None, Permanent("HTTP 400")]
    async with composition.following() as fixture:
        await fixture.reconcile()
        resolve = composition.another("order-2", event="Resolve")
        await fixture.reconcile(resolve)
        assert (await fixture.reconcile(resolve)).final
    status = fixture.store.peek(ObjectRef(namespace="shop", name="order-2"))["status"]
    assert (status["phase"], composition.calls) == (
        "PartiallySent",
        ["webhook/hook:1", "webhook/hook:1", "webhook/spare:1"],
    )


async def test_attempt_that_ends_after_its_namespace_left_is_recorded_alone() -> None:
    composition = waiting_for(
        90,
        "hook",
        "other",
        selects=True,
        delivery={"visible_after_seconds": 0.01},
        retryPolicy={"maxAttempts": 3, "initialBackoffSeconds": 60},
    )
    composition.collections.put_receiver("hook", webhook(fallback={"name": "spare"}))
    composition.collections.put_receiver("other", webhook())
    composition.creator.scripts["hook"] = [Transient("busy")]
    composition.creator.hanging = True
    async with asyncio.timeout(30), composition.following() as fixture, fixture.running_queue() as queue:
        await fixture.serve()
        queue.add(fixture.key)
        await until(lambda: len(composition.calls) == 2)
        await fixture.serve(matches=False)
        for channel in composition.creator.created:
            channel.gate.set()
        await until(lambda: fixture.status.get("totalAttempts") == 2)
    assert states(fixture) == {"webhook/hook": ("Waiting", "Backoff"), "webhook/other": ("Delivered", "")}
