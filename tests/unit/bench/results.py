"""Builders of bench results, with one keyword per figure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.bench.results import Figures, Result


def result(scenario: str = "burst-1000", **values: Any) -> Result:
    fields: dict[str, Any] = {
        "side": "ours",
        "commit": "0123456789ab",
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "count": 1000,
        "seconds": 3.0,
        "p50_ms": 10.0,
        "p99_ms": 20.0,
        "phases": {"Sent": 1000},
        "calls": {"get notificationrequests": 1000, "update notificationrequests/status": 1000},
        "most_calls": 2,
        "cpu_seconds": {"operator": 2.0, "API server": 4.0, "etcd": 1.0},
        "idle_mb": 70.0,
        "peak_mb": 90.0,
        "after_mb": 75.0,
        **values,
    }
    return Result(scenario=scenario, **fields)


def figures(*results: Result) -> Figures:
    return Figures(machine="2 processors", results=results)
