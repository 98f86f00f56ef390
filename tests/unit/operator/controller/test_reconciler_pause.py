"""Reconciliations while a destination takes no message: what they cost, write and deliver."""

from datetime import timedelta

import pytest

from notification_domain.json_values import parse_time
from notification_operator.endpoints.gate import ASK_SECONDS
from notification_runtime.delivery.channel import RateLimited
from tests.unit.operator.controller.reconciler_fixture import ReconcilerFixture, Stub, now

PAUSE = 600.0
SHORT = {"maxAttempts": 2, "initialBackoffSeconds": 1, "maxBackoffSeconds": 60}


async def test_pause_outlasts_the_policy_and_holds_the_other_notifications() -> None:
    stub = Stub(RateLimited("HTTP 429: slow down", retry_after=PAUSE))
    fixture = ReconcilerFixture({"slack": stub}, retryPolicy=SHORT)
    result = await fixture.reconcile()
    assert result.requeue_after == pytest.approx(60, abs=1), "it asks in memory after its own backoff"
    assert parse_time(fixture.status["nextAttemptAt"]) > now() + timedelta(seconds=PAUSE - 5)
    assert "the receiver asked for a pause" in fixture.status["message"]
    (entry,) = fixture.status["deliveryAttempts"]
    assert (entry["retryAfterSeconds"], entry.get("circuitOpen")) == (PAUSE, None)

    other = fixture.create("order-2")
    fixture.store.calls.clear()
    result = await fixture.reconcile(other)
    assert fixture.verbs == ["GET", "PUT"]
    assert result.requeue_after == pytest.approx(ASK_SECONDS, abs=1)
    assert len(stub.calls) == 1


async def test_held_notification_is_written_once() -> None:
    stub = Stub(RateLimited("HTTP 429", retry_after=PAUSE))
    fixture = ReconcilerFixture({"slack": stub}, retryPolicy=SHORT)
    await fixture.reconcile(fixture.create("order-2"))
    await fixture.reconcile()
    planned = fixture.status["nextAttemptAt"]
    assert (fixture.status["phase"], fixture.status["totalAttempts"]) == ("Sending", 0)
    assert parse_time(planned) > now()
    fixture.store.calls.clear()
    for _ in range(3):
        await fixture.reconcile()
    assert (fixture.verbs, fixture.status["nextAttemptAt"]) == (["GET"] * 3, planned)


async def test_held_channel_does_not_hold_another_one() -> None:
    slack, console = Stub(RateLimited("HTTP 429", retry_after=PAUSE)), Stub()
    fixture = ReconcilerFixture({"slack": slack, "console": console}, retryPolicy=SHORT)
    await fixture.reconcile(fixture.create("order-2"))
    await fixture.reconcile()
    assert [entry["channel"] for entry in fixture.status["deliveryAttempts"]] == ["console"]
    assert fixture.status["phase"] == "Sending"
    assert (len(slack.calls), len(console.calls)) == (1, 2)
