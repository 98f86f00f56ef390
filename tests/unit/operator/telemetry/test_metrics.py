"""The metrics of a process that has done nothing yet."""

from __future__ import annotations

import pytest

from notification_operator.telemetry.metrics import PREFIX, Metrics


@pytest.mark.parametrize("status", ["success", "failure"])
def test_attempt_counter_of_a_channel_starts_at_zero(status: str) -> None:
    metrics = Metrics()
    metrics.add_channel_gauge("channel_health_score", "Health.", ["slack"], lambda _channel: 1.0)
    labels = {"channel": "slack", "receiver": "", "status": status}
    assert metrics.registry.get_sample_value(f"{PREFIX}delivery_attempts_total", labels) == 0
