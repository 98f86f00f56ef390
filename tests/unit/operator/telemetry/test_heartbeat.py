"""The heartbeat: the largest gap of the event loop, for one minute."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from notification_runtime.telemetry.gauges import INTERVAL, WINDOW, Heartbeat, LoopStatistics


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def beats(heartbeat: Heartbeat, clock: Clock, *, late: float) -> None:
    """Let the clock pass one interval, and so many seconds more, while the heartbeat waits."""
    task = asyncio.create_task(heartbeat.run())
    await asyncio.sleep(0)
    clock.seconds += INTERVAL + late
    await asyncio.sleep(2 * INTERVAL)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_loop_without_work_has_no_gap() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock=clock)
    assert heartbeat.statistics() == LoopStatistics(gap_seconds=0.0)
    await beats(heartbeat, clock, late=0.0)
    assert heartbeat.statistics() == LoopStatistics(gap_seconds=0.0)


async def test_largest_gap_is_reported_for_a_minute() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock=clock)
    await beats(heartbeat, clock, late=3.0)
    await beats(heartbeat, clock, late=1.0)
    assert heartbeat.statistics().gap_seconds == pytest.approx(3.0)
    clock.seconds += WINDOW - 1.0
    await beats(heartbeat, clock, late=0.0)
    assert heartbeat.statistics().gap_seconds == pytest.approx(1.0)
    clock.seconds += WINDOW
    await beats(heartbeat, clock, late=0.0)
    assert heartbeat.statistics().gap_seconds == 0.0


async def test_gap_is_reported_before_the_next_beat() -> None:
    heartbeat = Heartbeat(clock=time.monotonic)
    task = asyncio.create_task(heartbeat.run())
    await asyncio.sleep(0)
    time.sleep(3 * INTERVAL)  # noqa: ASYNC251 - what the heartbeat is to find
    assert heartbeat.statistics().gap_seconds >= INTERVAL
    task.cancel()
