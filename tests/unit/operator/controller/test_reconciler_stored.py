"""Reconciliations of what others have stored: objects beyond the bounds, and forged statuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from notification_contract import bounds
from notification_domain.json_values import format_time
from tests.unit.operator.controller.reconciler_fixture import IDLE, ReconcilerFixture, Stub, now

TOO_LONG = "x" * (bounds.BODY + 1)
LAST = "9999-12-31T23:59:59Z"


@pytest.mark.parametrize("body", [TOO_LONG, "\N{BELL}" * bounds.BODY], ids=["characters", "bytes"])
@pytest.mark.parametrize("routed", [False, True])
async def test_oversized_notification_costs_one_write_and_no_delivery(*, routed: bool, body: str) -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console}, routed=routed, body=body)
    result = await fixture.reconcile()
    assert fixture.verbs == ["GET", "PUT"]
    assert (fixture.status["phase"], fixture.status["reason"]) == ("Failed", "TooLarge")
    assert (result.final, console.calls, fixture.attempts) == (True, [], IDLE)
    await fixture.reconcile()
    assert fixture.verbs == ["GET", "PUT", "GET"]


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Retrying"},
        {"phase": "Sending", "resolvedChannels": [{}, 5], "conditions": "none"},
        {
            "phase": "Sending",
            "deliveryAttempts": [
                {
                    "channel": "console",
                    "attempt": 2**31 - 1,
                    "timestamp": "2026-01-01T00:00:00Z",
                    "status": "failed",
                    "durationSeconds": 1e300,
                }
            ],
        },
        {"phase": "Sending", "queuedAt": LAST, "nextAttemptAt": LAST, "completionTime": LAST},
    ],
    ids=["retrying", "types", "attempt", "times"],
)
async def test_forged_status_does_not_keep_a_notification_from_its_channel(status: dict[str, Any]) -> None:
    console = Stub()
    fixture = ReconcilerFixture({"console": console})
    fixture.store.write_as_other(fixture.ref, **status)
    result = await fixture.reconcile()
    assert result.error is None
    assert (fixture.status["phase"], len(console.calls)) == ("Sent", 1)


async def test_scheduled_notification_comes_back_in_time_despite_its_status() -> None:
    """A process whose clock is ahead has begun it too early, and recorded a pause after it."""
    begin = now() + timedelta(hours=1)
    fixture = ReconcilerFixture({"console": Stub()}, notBefore=format_time(begin))
    fixture.store.write_as_other(fixture.ref, phase="Sending", nextAttemptAt=LAST)
    result = await fixture.reconcile()
    assert (fixture.verbs, fixture.status["phase"]) == (["GET"], "Sending")
    assert result.requeue_after is not None
    assert 3590 < result.requeue_after <= 3600
