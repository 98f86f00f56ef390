"""The breakers at work: a clock that stands still, calls that overlap, waiting for probes."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import pytest

from notification_operator.delivery import breakers as module
from notification_operator.delivery.breakers import Breakers, Passage, Receiver, TurnedAway
from notification_operator.domain.breaker import Circuit, Limits, Result
from tests.unit.operator.domain.builders import at

SLACK = Receiver("slack", "https://hooks.slack.com/services/secret")
LIMITS = Limits(failure_threshold=3, open_seconds=30, probes=2)


class Clock:
    """A clock that the test moves."""

    now: datetime = at(0)

    def __call__(self) -> datetime:
        return self.now


async def enter(breakers: Breakers, receiver: Receiver = SLACK) -> Passage:
    passage = await breakers.enter(receiver)
    assert isinstance(passage, Passage)
    return passage


async def call(breakers: Breakers, result: Result, receiver: Receiver = SLACK) -> None:
    with await enter(breakers, receiver) as passage:
        passage.result = result


async def opened(breakers: Breakers, receiver: Receiver = SLACK) -> None:
    for _ in range(3):
        await call(breakers, Result.FAILURE, receiver)


async def started(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Return a task that has gone as far as it can by itself."""
    task = asyncio.ensure_future(work)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_an_open_breaker_turns_away_until_its_next_probe_and_no_longer() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    assert breakers.all_closed
    await opened(breakers)
    assert await breakers.enter(SLACK) == TurnedAway(until=at(30))
    assert (breakers.held_until(SLACK), breakers.all_closed) == (at(30), False)
    clock.now = at(30)
    assert breakers.held_until(SLACK) is None
    await call(breakers, Result.SUCCESS)
    await call(breakers, Result.SUCCESS)
    assert breakers.all_closed


async def test_each_destination_of_a_channel_has_its_own_and_the_worst_is_shown() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    other = Receiver("slack", "https://hooks.slack.com/services/other")
    await opened(breakers)
    await call(breakers, Result.FAILURE, other)
    assert (breakers.state("slack"), breakers.state("console")) == (Circuit.OPEN, Circuit.CLOSED)
    clock.now = at(30)
    assert breakers.state("slack") is Circuit.HALF_OPEN
    for _ in range(2):
        await call(breakers, Result.FAILURE, other)
    assert breakers.state("slack") is Circuit.OPEN


async def test_calls_beside_the_probes_wait_and_go_when_these_succeed() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    clock.now = at(30)
    first, second = await enter(breakers), await enter(breakers)
    third = await started(breakers.enter(SLACK))
    for probe in (first, second):
        assert not third.done()
        with probe:
            probe.result = Result.SUCCESS
    assert isinstance(await third, Passage)


async def test_calls_beside_the_probes_are_turned_away_when_one_fails() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    clock.now = at(30)
    probe, _ = await enter(breakers), await enter(breakers)
    waiting = [await started(breakers.enter(SLACK)) for _ in range(3)]
    with probe:
        probe.result = Result.FAILURE
    assert await asyncio.gather(*waiting) == [TurnedAway(until=at(60))] * 3


async def test_the_place_of_a_probe_that_is_broken_off_goes_to_one_that_waits() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    clock.now = at(30)
    probe, _ = await enter(breakers), await enter(breakers)
    waiting = [await started(breakers.enter(SLACK)) for _ in range(2)]
    with pytest.raises(asyncio.CancelledError), probe:
        raise asyncio.CancelledError
    for _ in range(3):
        await asyncio.sleep(0)
    assert sorted(task.done() for task in waiting) == [False, True]
    for task in waiting:
        task.cancel()


async def test_who_listens_hears_of_it_opening_and_closing_without_the_destination() -> None:
    clock, heard = Clock(), list[tuple[str, Circuit]]()
    breakers = Breakers(LIMITS, clock=clock, on_change=lambda channel, state: heard.append((channel, state)))
    await opened(breakers)
    clock.now = at(30)
    await call(breakers, Result.FAILURE)
    clock.now = at(60)
    await call(breakers, Result.SUCCESS)
    await call(breakers, Result.SUCCESS)
    assert heard == [("slack", Circuit.OPEN), ("slack", Circuit.OPEN), ("slack", Circuit.CLOSED)]


async def test_a_listener_that_breaks_does_not_break_the_try() -> None:
    def broken(_channel: str, _state: Circuit) -> None:
        raise LookupError

    breakers = Breakers(LIMITS, clock=Clock(), on_change=broken)
    await opened(breakers)
    assert breakers.state("slack") is Circuit.OPEN


async def test_no_more_destinations_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    breakers = Breakers(LIMITS, clock=Clock())
    await opened(breakers)
    for name in "ab":
        await call(breakers, Result.SUCCESS, Receiver("webhook", name))
    assert breakers.state("slack") is Circuit.CLOSED
    await opened(breakers)
    await call(breakers, Result.SUCCESS, Receiver("webhook", "a"))
    await breakers.enter(SLACK)
    await call(breakers, Result.SUCCESS, Receiver("webhook", "b"))
    assert breakers.state("slack") is Circuit.OPEN, "it was called later than the one that is forgotten"
