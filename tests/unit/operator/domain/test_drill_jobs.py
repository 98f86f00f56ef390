"""Whether the last drill was green, from what the API server keeps of the Jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notification_domain.drill_jobs import why_not_green
from notification_domain.json_values import format_time

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


def job(*conditions: str, days: float) -> dict[str, Any]:
    return {
        "metadata": {"creationTimestamp": format_time(NOW - timedelta(days=days))},
        "status": {"conditions": [{"type": each, "status": "True"} for each in conditions]},
    }


GREEN, RED = ("SuccessCriteriaMet", "Complete"), ("FailureTarget", "Failed")


@pytest.mark.parametrize(
    ("jobs", "reason"),
    [
        ([], "no drill has ended yet"),
        ([job(days=0)], "no drill has ended yet"),
        ([job(*GREEN, days=0)], ""),
        ([job(*GREEN, days=13.9)], ""),
        ([job(*GREEN, days=14)], "the last drill is older than two of its periods"),
        ([job(*RED, days=1)], "the last drill has not reached all receivers"),
        ([job(*GREEN, days=8), job(*RED, days=1)], "the last drill has not reached all receivers"),
        ([job(*GREEN, days=1), job(*RED, days=8)], ""),
        # One that is running proves nothing yet.
        ([job(*GREEN, days=7), job(days=0), job("FailureTarget", days=0)], ""),
        ([job(*RED, days=7), job(days=0)], "the last drill has not reached all receivers"),
        # Of two that began in the same second, the failure counts.
        ([job(*RED, days=1), job(*GREEN, days=1)], "the last drill has not reached all receivers"),
        ([job(*GREEN, days=1), job(*RED, days=1)], "the last drill has not reached all receivers"),
        # What is no Job is ignored.
        ([{}, {"metadata": {"creationTimestamp": 7}, "status": []}, job(*GREEN, days=1)], ""),
    ],
)
def test_last_drill_that_has_ended_decides(jobs: list[dict[str, Any]], reason: str) -> None:
    assert why_not_green(jobs, period=WEEK, now=NOW) == reason


def test_condition_that_does_not_hold_is_none() -> None:
    running = job("Complete", days=0)
    running["status"]["conditions"][0]["status"] = "False"
    assert why_not_green([running], period=WEEK, now=NOW) == "no drill has ended yet"
