"""The time at which a final notification may be deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notification_domain.retention import due_at

COMPLETED = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)


def finished(phase: str = "Sent", days: int | None = 3, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "order-1"},
        "spec": {} if days is None else {"retentionDays": days},
        "status": {"phase": phase, "completionTime": "2026-11-01T10:00:00.000000Z", **status},
    }


@pytest.mark.parametrize("phase", ["Sent", "PartiallySent", "Failed"])
@pytest.mark.parametrize("days", [1, 7, 90])
def test_final_notification_is_due_after_its_retention_days(phase: str, days: int) -> None:
    assert due_at(finished(phase, days)) == COMPLETED + timedelta(days=days)


def test_missing_retention_days_default_to_seven() -> None:
    assert due_at(finished(days=None)) == COMPLETED + timedelta(days=7)


@pytest.mark.parametrize("phase", ["Pending", "Sending", "Retrying", "", "Unknown"])
def test_unfinished_notification_is_never_due(phase: str) -> None:
    assert due_at(finished(phase)) is None


@pytest.mark.parametrize("value", [None, "", "yesterday", 5])
def test_notification_without_a_completion_time_is_never_due(value: object) -> None:
    assert due_at(finished(completionTime=value)) is None
    assert due_at({"metadata": {}, "spec": {}, "status": {"phase": "Sent"}}) is None
    assert due_at({"metadata": {}, "spec": {}}) is None


def test_notification_being_deleted_is_never_due() -> None:
    obj = finished()
    obj["metadata"]["deletionTimestamp"] = "2026-11-02T00:00:00Z"
    assert due_at(obj) is None


@pytest.mark.parametrize(
    ("phase", "days", "kept"),
    [("Sent", 3, 3), ("Suppressed", 3, 3), ("Failed", 3, 30), ("PartiallySent", 3, 30), ("Failed", 45, 45)],
)
def test_what_was_not_delivered_everywhere_is_kept_longer(phase: str, days: int, kept: int) -> None:
    assert due_at(finished(phase, days), failed_days=30) == COMPLETED + timedelta(days=kept)


@pytest.mark.parametrize(
    ("replay_of", "kept"), [({"name": "a", "uid": "u", "depth": 1}, 30), (None, 3), (5, 3)]
)
def test_replay_is_kept_as_long_as_what_it_sends_again(replay_of: Any, kept: int) -> None:
    obj = finished()
    obj["spec"]["replayOf"] = replay_of
    assert due_at(obj, failed_days=30) == COMPLETED + timedelta(days=kept)
