"""Readings of recorded times."""

from typing import Any

from tests.harness.readings import latency

CREATED, QUICK, SLOW = "2026-01-01T12:00:01Z", "2026-01-01T12:00:02.750000Z", "2026-01-01T12:00:09Z"


def test_latency_is_measured_between_recorded_times() -> None:
    obj: dict[str, Any] = {
        "metadata": {"creationTimestamp": CREATED},
        "status": {"processingStartedAt": QUICK, "completionTime": SLOW},
    }
    assert latency(obj) == 8.0
    # Created between :01 and :02, so it waited at least 0.75 s.
    assert latency(obj, "processingStartedAt") == 1.75
