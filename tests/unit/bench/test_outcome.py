"""The figures computed from batches, statuses and the sink's record."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.bench.generator import Batch
from tests.bench.outcome import group, kept_pauses, sink
from tests.bench.scenarios import DOWN, Channel, Load
from tests.harness.notifications import fast


def stored(number: int, attempts: int, channel: str = "slack") -> dict[str, Any]:
    status: dict[str, Any] = {"deliveryAttempts": [{}] * attempts} if attempts else {}
    return {"metadata": {"name": f"tag-{number}"}, "spec": {"channels": [channel]}, "status": status}


def at(*times: float) -> list[tuple[float, float]]:
    return [(time, time) for time in times]


def test_batch_lasts_from_first_creation_to_last_final_phase() -> None:
    batch = Batch(load=Load(count=2), first=0)
    first, second = batch.names
    batch.created = {first: 10.0, second: 10.5}
    batch.final = {first: 12.0, second: 11.0}
    batch.phases = Counter({"Sent": 2})
    result = group(batch)
    assert (result.count, result.seconds, result.rate, result.phases) == (2, 2.0, 1.0, {"Sent": 2})
    assert (result.latency_ms.p50, result.latency_ms.longest) == (500.0, 2000.0)


def test_recorded_requests_do_not_differ() -> None:
    seen = {7: at(1.0), 8: at(1.0, 2.0)}
    result = sink([stored(7, 1), stored(8, 2)], seen, failing=0)
    assert (result.requests, result.recorded, result.differing) == (3, 3, 0)


def test_surplus_requests_do_not_compensate_missing_ones() -> None:
    seen = {7: at(1.0, 2.0, 3.0), 8: at(1.0)}
    result = sink([stored(7, 2), stored(8, 2)], seen, failing=0)
    assert (result.requests, result.recorded, result.differing) == (4, 4, 2)


def test_unrecorded_requests_and_unrequested_records_differ() -> None:
    assert sink([stored(7, 0)], {7: at(1.0)}, failing=0).differing == 1
    assert sink([stored(7, 1)], {}, failing=0).differing == 1


def test_requests_after_the_success_are_counted() -> None:
    seen = {7: at(1.0, 2.0, 3.0), 8: at(1.0, 2.0, 3.0, 4.0, 5.0)}
    assert sink([stored(7, 3), stored(8, 3)], seen, failing=2).after_success == 2
    assert sink([stored(7, 3), stored(8, 5)], seen, failing=DOWN).after_success == 0


def test_notifications_of_other_channels_do_not_count() -> None:
    result = sink([stored(7, 1), stored(8, 1, "console")], {7: at(1.0)}, failing=0)
    assert (result.requests, result.recorded, result.differing) == (1, 1, 0)


def test_delays_are_compared_with_the_retry_policy() -> None:
    first, second = kept_pauses(fast(3), {7: at(0.0, 1.05, 3.0)})
    assert (first.nominal, second.nominal) == (1.0, 2.0)
    assert kept_pauses(None, {7: at(0.0, 1.0)}) == ()


def test_batches_have_disjoint_numbers() -> None:
    one, other = Batch(load=Load(count=3), first=0), Batch(load=Load(count=3, channel=Channel.SLACK), first=3)
    numbers = {name.rpartition("-")[2] for batch in (one, other) for name in batch.names}
    assert len(numbers) == 6
    assert one.tag != other.tag
