"""The wall clock steps while notifications wait for their next attempt."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.clock import SteppedClock
from tests.chaos.lane import pause
from tests.chaos.scenario import scenario
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

POLICY = {"maxAttempts": 6, "initialBackoffSeconds": 3, "backoffMultiplier": 2, "maxBackoffSeconds": 60}


def _steps(stage: Stage, *offsets: str, before: str = "+0") -> None:
    """Let the clock step while some notifications back off and others come."""
    clock = SteppedClock(Path(stage.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="clock-"))))
    clock.step(before)
    stage.operator(variables=clock.variables, settings={"retentionEnabled": False})
    stage.answer({"code": 503}, times=12)
    stage.create(5, retryPolicy=POLICY)
    eventually(lambda: [obj["status"].get("totalAttempts", 0) for obj in stage.stored()], all, within=20)
    for offset in offsets:
        clock.step(offset)
        pause(2)
        stage.create(3, retryPolicy=POLICY)
        pause(2)


@scenario("The clock steps an hour ahead during the backoff", final_within=120)
def clock_one_hour_ahead(stage: Stage) -> None:
    _steps(stage, "+1h")


@scenario("The clock steps an hour back during the backoff", final_within=120)
def clock_one_hour_back(stage: Stage) -> None:
    _steps(stage, "-1h")


@scenario("The clock steps a day ahead and then back to the right time", final_within=120)
def clock_one_day_ahead(stage: Stage) -> None:
    _steps(stage, "+1d", "+0")


@scenario("The clock was a day ahead when attempts failed, and is then corrected, twice", final_within=180)
def clock_one_day_back(stage: Stage) -> None:
    _steps(stage, "+0", "-1d", before="+1d")
