"""Builders of bench results, with one keyword per figure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.bench.arithmetic import Latency, Pauses
from tests.bench.figures import Figures, Group, Machine, Result, Sink

FAST = Latency(p50=8.0, p95=12.0, p99=20.0, longest=30.0)
RETRIED = Pauses(nominal=1.0, count=50, shortest=1.0, longest=1.2, early=0, late=0)


def group(**values: Any) -> Group:
    return Group(
        **{
            "count": 1000,
            "seconds": 3.0,
            "rate": 333.3,
            "latency_ms": FAST,
            "phases": {"Sent": 1000},
            **values,
        }
    )


def sink(**values: int) -> Sink:
    return Sink(**{"requests": 150, "recorded": 150, "differing": 0, "after_success": 0, **values})


def result(scenario: str = "burst-1000", controller: str = "ours", **values: Any) -> Result:
    used = {"controller": 2.0, "API server": 4.0, "etcd": 1.0, "sink": 0.1, "load generator": 0.5}
    fields: dict[str, Any] = {
        "main": group(),
        "concurrent": None,
        "calls": {"get notificationrequests": 1000, "update notificationrequests/status": 1000},
        "calls_each": 2.0,
        "conflicts": 0,
        "cpu_seconds": used,
        "idle_mb": 70.0,
        "peak_mb": 90.0,
        "after_mb": 75.0,
        "sink": None,
        "pauses": (),
        **values,
    }
    return Result(scenario=scenario, controller=controller, **fields)


def figures(*results: Result) -> Figures:
    machine = Machine(
        processors=2, model="a processor", memory_gb=4, system="Linux 6", python="3.11.2", kubernetes="1.36.0"
    )
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Figures(at=at, commit="0123456789ab", machine=machine, results=results)
