"""The metrics page: what has to be on it before anything has happened."""

from __future__ import annotations

import pytest

from notification_operator.telemetry.metrics import PREFIX, Metrics


@pytest.mark.parametrize("status", ["success", "failure"])
def test_a_channel_s_tries_are_counted_from_0_on_so_that_the_first_one_is_seen_to_rise(status: str) -> None:
    metrics = Metrics()
    metrics.add_channel_gauge("channel_health_score", "How it is.", ["slack"], lambda _channel: 1.0)
    labels = {"channel": "slack", "status": status}
    assert metrics.registry.get_sample_value(f"{PREFIX}delivery_attempts_total", labels) == 0
