"""The circuit breakers: overlapping calls and waiting for probes, on a clock that the test sets."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import pytest

from notification_operator.delivery.flow_control import breakers as module
from notification_operator.delivery.flow_control.breakers import (
    Breakers,
    Destination,
    PermittedCall,
    Rejected,
    Waiting,
)
from notification_operator.domain.flow_control.breaker import Circuit, Limits, Result
from notification_operator.telemetry.statistics import BreakerStatistics
from tests.harness.breaker_calls import ask
from tests.unit.operator.domain.builders import at

SLACK = Destination("slack", "https://hooks.slack.com/services/secret")
LIMITS = Limits(failure_threshold=3, open_seconds=30, probes=2)


class Clock:
    """A clock that the test moves."""

    now: datetime = at(0)

    def __call__(self) -> datetime:
        return self.now


async def enter(breakers: Breakers, destination: Destination = SLACK) -> PermittedCall:
    call = await ask(breakers, destination)
    assert isinstance(call, PermittedCall)
    return call


async def call(breakers: Breakers, result: Result, destination: Destination = SLACK) -> None:
    with await enter(breakers, destination) as permitted:
        permitted.result = result


async def opened(breakers: Breakers, destination: Destination = SLACK) -> None:
    for _ in range(3):
        await call(breakers, Result.FAILURE, destination)


async def started(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Return a task that has run as far as it can by itself."""
    task = asyncio.ensure_future(work)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_open_breaker_rejects_until_its_next_probe() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    assert breakers.all_closed
    await opened(breakers)
    assert await ask(breakers, SLACK) == Rejected(until=at(30))
    assert (breakers.open_until(SLACK), breakers.all_closed) == (at(30), False)
    clock.now = at(30)
    assert breakers.open_until(SLACK) is None
    await call(breakers, Result.SUCCESS)
    await call(breakers, Result.SUCCESS)
    assert breakers.all_closed


async def test_each_destination_has_a_breaker_and_the_channel_the_worst_state() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    other = Destination("slack", "https://hooks.slack.com/services/other")
    await opened(breakers)
    await call(breakers, Result.FAILURE, other)
    assert breakers.statistics() == BreakerStatistics(destinations=2, circuits={"slack": Circuit.OPEN})
    assert breakers.state("console") is Circuit.CLOSED
    clock.now = at(30)
    assert breakers.state("slack") is Circuit.HALF_OPEN
    for _ in range(2):
        await call(breakers, Result.FAILURE, other)
    assert breakers.state("slack") is Circuit.OPEN


async def test_calls_wait_for_probes_and_are_permitted_when_they_succeed() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    clock.now = at(30)
    first, second = await enter(breakers), await enter(breakers)
    third = await started(ask(breakers, SLACK))
    for probe in (first, second):
        assert not third.done()
        with probe:
            probe.result = Result.SUCCESS
    assert isinstance(await third, PermittedCall)


async def test_calls_that_wait_are_rejected_when_a_probe_fails() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    clock.now = at(30)
    probe, _ = await enter(breakers), await enter(breakers)
    waiting = [await started(ask(breakers, SLACK)) for _ in range(3)]
    with probe:
        probe.result = Result.FAILURE
    assert await asyncio.gather(*waiting) == [Rejected(until=at(60))] * 3


async def test_cancelled_probe_passes_its_permit_to_a_waiting_call() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    clock.now = at(30)
    probe, _ = await enter(breakers), await enter(breakers)
    waiting = [await started(ask(breakers, SLACK)) for _ in range(2)]
    with pytest.raises(asyncio.CancelledError), probe:
        raise asyncio.CancelledError
    for _ in range(3):
        await asyncio.sleep(0)
    assert sorted(task.done() for task in waiting) == [False, True]
    for task in waiting:
        task.cancel()


def waiting(name: str, *, advanced: int = 0) -> Waiting:
    return Waiting(notification=name, namespace="shop", advanced=advanced)


def asked(breakers: Breakers, *those: Waiting) -> list[datetime | None]:
    return [breakers.blocked_until(SLACK, each) for each in those]


async def test_one_waiting_notification_of_each_line_probes_and_the_others_ask_again() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    fresh, advanced = [waiting("a"), waiting("b")], [waiting("c", advanced=1), waiting("d", advanced=2)]
    assert None not in asked(breakers, *fresh, *advanced), "the breaker is open"
    clock.now = at(30)
    assert asked(breakers, *fresh, *advanced) == [None, at(31), at(31), None]
    assert asked(breakers, fresh[0]) == [None], "it has not begun"


async def test_notification_whose_probe_failed_lets_the_other_line_probe_next() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    asked(breakers, waiting("bad", advanced=1), waiting("good"))
    clock.now = at(30)
    assert asked(breakers, waiting("bad", advanced=1)) == [None]
    permit = breakers.try_enter(SLACK, notification="bad")
    assert isinstance(permit, PermittedCall)
    with permit:
        permit.result = Result.FAILURE
    assert asked(breakers, waiting("bad", advanced=2), waiting("good")) == [at(60), None]


async def test_another_notification_probes_where_the_first_in_line_has_gone() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    asked(breakers, waiting("gone"), waiting("next"))
    clock.now = at(30)
    assert asked(breakers, waiting("next")) == [at(31)]
    clock.now = at(31)
    assert asked(breakers, waiting("next")) == [None]


async def test_gone_notification_does_not_keep_its_line_from_probing_for_long() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    asked(breakers, waiting("gone"), waiting("next"))
    clock.now = at(30)
    await call(breakers, Result.FAILURE)
    assert asked(breakers, waiting("next")) == [at(60.005)], "the breaker opened again"
    clock.now = at(60)
    assert asked(breakers, waiting("next")) == [None], "the first in line did not ask in time"


async def test_far_notifications_in_line_ask_again_at_200_per_second() -> None:
    clock = Clock()
    breakers = Breakers(LIMITS, clock=clock)
    await opened(breakers)
    clock.now = at(30)
    names = [waiting(f"uid-{number}") for number in range(603)]
    assert asked(breakers, *names)[-1] == at(33)


async def test_observer_sees_openings_and_closings_without_the_destination() -> None:
    clock, changes = Clock(), list[tuple[str, Circuit]]()
    breakers = Breakers(
        LIMITS, clock=clock, on_change=lambda channel, state: changes.append((channel, state))
    )
    await opened(breakers)
    clock.now = at(30)
    await call(breakers, Result.FAILURE)
    clock.now = at(60)
    await call(breakers, Result.SUCCESS)
    await call(breakers, Result.SUCCESS)
    assert changes == [("slack", Circuit.OPEN), ("slack", Circuit.OPEN), ("slack", Circuit.CLOSED)]


async def test_failing_observer_does_not_fail_the_call() -> None:
    def broken(_channel: str, _state: Circuit) -> None:
        raise LookupError

    breakers = Breakers(LIMITS, clock=Clock(), on_change=broken)
    await opened(breakers)
    assert breakers.state("slack") is Circuit.OPEN


async def test_remembered_destinations_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    breakers = Breakers(LIMITS, clock=Clock())
    await opened(breakers)
    for name in "ab":
        await call(breakers, Result.SUCCESS, Destination("webhook", name))
    assert breakers.state("slack") is Circuit.CLOSED
    await opened(breakers)
    await call(breakers, Result.SUCCESS, Destination("webhook", "a"))
    await ask(breakers, SLACK)
    await call(breakers, Result.SUCCESS, Destination("webhook", "b"))
    assert breakers.state("slack") is Circuit.OPEN, "it was called after the forgotten one"


class Seconds:
    """Monotonic seconds that the test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_clock_step_neither_extends_nor_shortens_an_open_breaker() -> None:
    clock, seconds = Clock(), Seconds()
    breakers = Breakers(LIMITS, clock=clock, seconds=seconds)
    await opened(breakers)
    assert breakers.open_until(SLACK) == at(30)
    seconds.now += 10
    clock.now = at(10 + 86_400)
    assert breakers.state("slack") is Circuit.OPEN
    assert breakers.open_until(SLACK) == at(30 + 86_400)
    clock.now = at(10 - 86_400)
    assert await ask(breakers, SLACK) == Rejected(until=at(30 - 86_400))
    seconds.now += 20
    assert breakers.state("slack") is Circuit.HALF_OPEN
    assert breakers.open_until(SLACK) is None


async def test_time_of_the_next_probe_stays_the_same_while_clocks_drift() -> None:
    clock, seconds = Clock(), Seconds()
    breakers = Breakers(LIMITS, clock=clock, seconds=seconds)
    await opened(breakers)
    until = breakers.open_until(SLACK)
    for step in range(1, 30):
        seconds.now = 1_000 + step
        clock.now = at(step * 1.001)
        assert breakers.open_until(SLACK) == until
    clock.now = at(30)
    later = breakers.open_until(SLACK)
    assert later is not None
    assert later > clock.now
