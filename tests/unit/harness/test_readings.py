"""Readings of recorded times."""

from typing import Any

from tests.harness.readings import follow, latency, planned

CREATED, QUICK, SLOW = "2026-01-01T12:00:01Z", "2026-01-01T12:00:02.750000Z", "2026-01-01T12:00:09Z"


def test_latency_is_measured_between_recorded_times() -> None:
    obj: dict[str, Any] = {
        "metadata": {"creationTimestamp": CREATED},
        "status": {"processingStartedAt": QUICK, "completionTime": SLOW},
    }
    assert latency(obj) == 8.0
    # Created between :01 and :02, so it waited at least 0.75 s.
    assert latency(obj, "processingStartedAt") == 1.75


def _waiting(*, ended: str, due: str) -> dict[str, Any]:
    attempt = {"status": "failed", "timestamp": f"2026-01-01T12:00:{ended}Z", "durationSeconds": 0.5}
    return {"status": {"deliveryAttempts": [attempt], "nextAttemptAt": f"2026-01-01T12:00:{due}Z"}}


def test_planned_delays_are_those_between_recorded_times() -> None:
    first, second = _waiting(ended="01.500000", due="03.000000"), _waiting(ended="05", due="07.600000")
    final = {"status": {"deliveryAttempts": first["status"]["deliveryAttempts"]}}
    assert planned([first, first, second, final]) == [1.0, 2.1]


def test_late_call_follows_the_policy_and_an_early_one_does_not() -> None:
    delays = [1.05, 2.1]
    assert follow(delays, [{"at": 10}, {"at": 13}, {"at": 20}], 1, 2)
    assert not follow(delays, [{"at": 10}, {"at": 13}, {"at": 15}], 1, 2)
    assert not follow([1.05, 2.3], [{"at": 10}, {"at": 13}, {"at": 20}], 1, 2)
