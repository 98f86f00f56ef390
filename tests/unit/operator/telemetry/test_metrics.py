"""The metrics of a process that has done nothing yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notification_runtime.telemetry.gauges import (
    ElectorStatistics,
    ReceiverGauges,
    ReceiverState,
    WaitingGauges,
    publish,
)
from notification_runtime.telemetry.metrics import PREFIX, Metrics, Wait, WaitingMessages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", ["success", "failure"])
def test_attempt_counter_of_a_channel_starts_at_zero(status: str) -> None:
    metrics = Metrics()
    metrics.add_channel_gauge("channel_health_score", "Health.", ["slack"], lambda _channel: 1.0)
    labels = {"channel": "slack", "receiver": "", "status": status}
    assert metrics.registry.get_sample_value(f"{PREFIX}delivery_attempts_total", labels) == 0


def unused() -> Any:
    raise AssertionError("another gauge was read")


def test_shard_that_is_being_released_has_an_owner_until_it_is_drained() -> None:
    metrics = Metrics()
    share = ElectorStatistics(shards=2, working=frozenset({0}), owned=frozenset({0, 1}))
    publish(
        metrics,
        queue=unused,
        attempts=unused,
        ownership=lambda: share,
        routing=unused,
        unavailable=unused,
        loop=unused,
    )
    (family,) = metrics.registry.restricted_registry([f"{PREFIX}shards_owned"]).collect()
    assert [sample.value for sample in family.samples] == [2]


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


def waiting_samples(messages: WaitingMessages) -> dict[tuple[str, ...], float]:
    """Return the values of both gauges of what waits, by their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in WaitingGauges(messages, clock=lambda: NOW).collect()
        for sample in family.samples
    }


def test_waiting_messages_are_counted_by_receiver_reason_and_age() -> None:
    messages, now = WaitingMessages(), NOW.timestamp()
    messages.put("a", [Wait("shop/team", "Suspended", now - 900), Wait("slack", "RateLimited", now - 900)])
    messages.put("b", [Wait("shop/team", "Backoff", now - 30)])
    assert waiting_samples(messages) == {
        ("shop/team", "Suspended"): 1,
        ("shop/team", "Backoff"): 1,
        ("slack", "RateLimited"): 1,
        ("shop/team",): 900,
        ("slack",): 900,
    }
    messages.put("a", [Wait("shop/team", "Backoff", now - 900)])
    assert waiting_samples(messages) == {("shop/team", "Backoff"): 2, ("shop/team",): 900}
    messages.keep({"b"})
    assert waiting_samples(messages) == {("shop/team", "Backoff"): 1, ("shop/team",): 30}
    messages.forget("b")
    assert waiting_samples(messages) == {}


def test_waiting_messages_past_the_first_thousand_receivers_are_one_series() -> None:
    messages = WaitingMessages()
    for number in range(1_010):
        messages.put(f"uid-{number}", [Wait(f"shop/r{number:04}", "Paused", NOW.timestamp() - number)])
    values = waiting_samples(messages)
    assert len(values) == 2 * 1_001
    assert (values["other", "Paused"], values[("other",)]) == (10, 1_009)


def test_change_of_the_number_of_waiting_messages_is_told() -> None:
    messages, told = WaitingMessages(), list[tuple[str, int]]()
    messages.observe(lambda receiver: told.append((receiver, messages.count(receiver))))
    messages.put("a", [Wait("shop/team", "Suspended", 0.0)])
    messages.put("a", [Wait("shop/team", "RateLimited", 0.0)])
    assert told == [("shop/team", 1)], "another reason is no change of the number"
    messages.forget("a")
    messages.forget("a")
    assert told == [("shop/team", 1), ("shop/team", 0)]
