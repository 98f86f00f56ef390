"""The times of keys, by a wall clock that steps."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from notification_domain.key import Key
from notification_operator.controller.timers import CLOCK_INTERVAL, Timers
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.controller.gated_queue import Delays

KEY, OTHER = Key("shop", "order-1", "uid-1"), Key("shop", "order-2", "uid-2")
LONG = 7_200.0
"""Seconds, by which clocks step; a multiple of what lies between two looks at the clock."""


class Calls:
    """Timers by a clock that can be set, and the calls with their monotonic times."""

    def __init__(self) -> None:
        self.calls: list[tuple[Key, float]] = []
        self.ahead = 0.0
        self.timers = Timers(self._call, clock=self.clock)

    def _call(self, key: Key) -> None:
        self.calls.append((key, asyncio.get_running_loop().time()))

    def clock(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(
            seconds=asyncio.get_running_loop().time() + self.ahead
        )


def after_step(seconds: float, *, wait: float) -> list[tuple[Key, float]]:
    """Set a time long ahead and a short one, then the clock; return the calls."""
    fixture = Calls()

    async def steps() -> None:
        following = asyncio.create_task(fixture.timers.follow_clock())
        fixture.timers.set(KEY, LONG + 3.0)
        fixture.timers.set(OTHER, 2.0)
        await asyncio.sleep(10.0)
        fixture.ahead += seconds
        await asyncio.sleep(wait)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    run_virtually(steps())
    return fixture.calls


def test_key_is_called_once_at_the_earlier_of_two_times() -> None:
    fixture = Calls()

    async def steps() -> None:
        for seconds in (7.0, 4.0, 9.0):
            fixture.timers.set(KEY, seconds)
        assert (KEY in fixture.timers, len(fixture.timers)) == (True, 1)
        await asyncio.sleep(60.0)

    run_virtually(steps())
    assert fixture.calls == [(KEY, 4.0)]


def test_cancelled_time_never_comes() -> None:
    fixture = Calls()

    async def steps() -> None:
        fixture.timers.set(KEY, 4.0)
        fixture.timers.cancel(KEY)
        fixture.timers.cancel(OTHER)
        await asyncio.sleep(60.0)

    run_virtually(steps())
    assert fixture.calls == []


def test_clock_that_is_set_forward_brings_times_forward() -> None:
    calls = dict(after_step(LONG, wait=CLOCK_INTERVAL + 1.0))
    assert calls[OTHER] == 2.0
    assert calls[KEY] <= 10.0 + CLOCK_INTERVAL


def test_time_that_is_not_reached_by_a_step_stays_as_far_ahead() -> None:
    calls = dict(after_step(LONG / 2, wait=LONG))
    assert calls[KEY] == pytest.approx(LONG / 2 + 3.0)


@pytest.mark.parametrize("seconds", [-LONG, 0.5])
def test_clock_that_is_set_back_or_slewed_changes_no_time(seconds: float) -> None:
    assert dict(after_step(seconds, wait=2 * LONG))[KEY] == LONG + 3.0


def test_key_that_still_waits_is_called_when_it_does_no_longer() -> None:
    fixture = Calls()
    delays = Delays(fixture.clock, 3.0, 2.0, None)

    async def steps() -> None:
        fixture.timers.set(KEY, 4.0, delays.waits())
        await asyncio.sleep(60.0)

    run_virtually(steps())
    assert (fixture.calls, delays.left) == ([(KEY, 9.0)], [])


def test_cancelled_key_is_not_asked_at_its_next_time() -> None:
    fixture = Calls()

    async def steps() -> None:
        fixture.timers.set(KEY, 4.0, Delays(fixture.clock, 1.0).waits())
        fixture.timers.cancel(KEY)
        fixture.timers.set(KEY, 5.0)
        await asyncio.sleep(60.0)

    run_virtually(steps())
    assert fixture.calls == [(KEY, 5.0)]
