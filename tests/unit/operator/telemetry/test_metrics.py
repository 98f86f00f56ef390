"""The metrics of a process that has done nothing yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notification_operator.telemetry.gauges import ReceiverGauges, ReceiverState
from notification_operator.telemetry.metrics import PREFIX, Metrics

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", ["success", "failure"])
def test_attempt_counter_of_a_channel_starts_at_zero(status: str) -> None:
    metrics = Metrics()
    metrics.add_channel_gauge("channel_health_score", "Health.", ["slack"], lambda _channel: 1.0)
    labels = {"channel": "slack", "receiver": "", "status": status}
    assert metrics.registry.get_sample_value(f"{PREFIX}delivery_attempts_total", labels) == 0


def test_gauges_past_the_first_thousand_receivers_are_those_of_the_worst() -> None:
    states = [
        ReceiverState(
            name=f"shop/r{number:04}",
            ready=number != 9_000,
            last_success=NOW + timedelta(seconds=number),
            drilled=True,
            last_drill=NOW + timedelta(seconds=number),
        )
        for number in range(10_000)
    ]
    metrics = Metrics()
    metrics.registry.register(ReceiverGauges(lambda: reversed(states), drills_scheduled=True))
    values = {
        (family.name.removeprefix(PREFIX), sample.labels["receiver"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if "receiver" in sample.labels
    }
    assert len(values) == 3 * 1_001
    assert values["receiver_ready", "shop/r0999"] == 1
    assert values["receiver_ready", "other"] == 0
    assert values["receiver_last_success_timestamp_seconds", "other"] == NOW.timestamp() + 9_999
    assert values["drill_last_success_timestamp_seconds", "other"] == NOW.timestamp() + 1_000
