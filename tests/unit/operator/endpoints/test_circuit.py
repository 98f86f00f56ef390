"""The circuit breaker of a destination: overlapping calls and waiting for probes, on a clock that the test sets."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest

from notification_contract.kinds.choices import CircuitState
from notification_domain.flow_control.breaker import Limits, Result
from notification_operator.endpoints.circuit import CircuitBreaker, PermittedCall, Rejected, Waiting
from notification_operator.endpoints.limits import FlowControl
from tests.harness.breaker_calls import ask
from tests.unit.operator.domain.builders import at

LIMITS = Limits(failure_threshold=3, open_seconds=30, probes=2)


class Clock:
    """A clock that the test moves."""

    now: datetime = at(0)

    def __call__(self) -> datetime:
        return self.now


def control_of(
    clock: Clock,
    seconds: Callable[[], float] | None = None,
    on_change: Callable[[str, CircuitState], None] | None = None,
) -> FlowControl:
    return FlowControl(
        LIMITS,
        concurrency=8,
        clock=clock,
        seconds=seconds or (lambda: (clock.now - at(0)) / timedelta(seconds=1)),
        on_change=on_change,
    )


def breaker_of(clock: Clock, seconds: Callable[[], float] | None = None) -> CircuitBreaker:
    return CircuitBreaker("slack", control_of(clock, seconds))


async def enter(breaker: CircuitBreaker) -> PermittedCall:
    call = await ask(breaker)
    assert isinstance(call, PermittedCall)
    return call


async def call(breaker: CircuitBreaker, result: Result) -> None:
    with await enter(breaker) as permitted:
        permitted.result = result


async def opened(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        await call(breaker, Result.FAILURE)


async def started(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Return a task that has run as far as it can by itself."""
    task = asyncio.ensure_future(work)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_open_breaker_rejects_until_its_next_probe() -> None:
    clock = Clock()
    control = control_of(clock)
    breaker = CircuitBreaker("slack", control)
    assert control.all_closed
    await opened(breaker)
    assert await ask(breaker) == Rejected(until=at(30))
    assert (breaker.open_until(), breaker.probe_at, control.all_closed) == (at(30), at(30), False)
    clock.now = at(30)
    assert breaker.open_until() is None
    await call(breaker, Result.SUCCESS)
    await call(breaker, Result.SUCCESS)
    assert (breaker.probe_at, control.all_closed) == (None, True)


async def test_breaker_of_a_retired_endpoint_holds_nothing_back() -> None:
    clock = Clock()
    control = control_of(clock)
    breaker, other = CircuitBreaker("slack", control), CircuitBreaker("slack", control)
    await opened(breaker)
    running = await enter(other)
    other.retire()
    breaker.retire()
    assert control.all_closed
    with running:
        running.result = Result.REFUSAL
    assert other.state() is CircuitState.OPEN
    assert control.all_closed, "a call that ran refuses nothing to the new endpoint"


async def test_call_that_waits_for_probes_learns_that_its_endpoint_is_retired() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    clock.now = at(30)
    await enter(breaker)
    await enter(breaker)
    waiting = await started(breaker.changed())
    assert not waiting.done()
    breaker.retire()
    await waiting


async def test_calls_wait_for_probes_and_are_permitted_when_they_succeed() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    clock.now = at(30)
    first, second = await enter(breaker), await enter(breaker)
    third = await started(ask(breaker))
    for probe in (first, second):
        assert not third.done()
        with probe:
            probe.result = Result.SUCCESS
    assert isinstance(await third, PermittedCall)


async def test_calls_that_wait_are_rejected_when_a_probe_fails() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    clock.now = at(30)
    probe, _ = await enter(breaker), await enter(breaker)
    waiting = [await started(ask(breaker)) for _ in range(3)]
    with probe:
        probe.result = Result.FAILURE
    assert await asyncio.gather(*waiting) == [Rejected(until=at(60))] * 3


async def test_cancelled_probe_passes_its_permit_to_a_waiting_call() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    clock.now = at(30)
    probe, _ = await enter(breaker), await enter(breaker)
    waiting = [await started(ask(breaker)) for _ in range(2)]
    with pytest.raises(asyncio.CancelledError), probe:
        raise asyncio.CancelledError
    for _ in range(3):
        await asyncio.sleep(0)
    assert sorted(task.done() for task in waiting) == [False, True]
    for task in waiting:
        task.cancel()


def waiting(name: str, *, advanced: int = 0, rank: int = 3) -> Waiting:
    return Waiting(notification=name, namespace="shop", rank=rank, advanced=advanced)


def asked(breaker: CircuitBreaker, *those: Waiting) -> list[datetime | None]:
    return [breaker.blocked_until(each) for each in those]


async def test_one_notification_of_each_line_probes_and_the_others_ask_again() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    fresh, advanced = [waiting("a"), waiting("b")], [waiting("c", advanced=1), waiting("d", advanced=2)]
    assert None not in asked(breaker, *fresh, *advanced), "the breaker is open"
    clock.now = at(30)
    assert asked(breaker, *fresh, *advanced) == [None, at(31), at(31), None]
    assert asked(breaker, fresh[0]) == [None], "it has not begun"


async def test_notification_of_higher_priority_probes_before_an_advanced_one() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    low, critical = waiting("low", advanced=2), waiting("critical", advanced=1, rank=0)
    asked(breaker, low, critical)
    clock.now = at(30)
    assert asked(breaker, low, critical) == [at(31), None]


async def test_notification_whose_probe_failed_lets_the_other_line_probe_next() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    asked(breaker, waiting("bad", advanced=1), waiting("good"))
    clock.now = at(30)
    assert asked(breaker, waiting("bad", advanced=1)) == [None]
    permit = breaker.try_enter(notification="bad")
    assert isinstance(permit, PermittedCall)
    with permit:
        permit.result = Result.FAILURE
    assert asked(breaker, waiting("bad", advanced=2), waiting("good")) == [at(60), None]


async def test_another_notification_probes_where_the_first_in_line_has_gone() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    asked(breaker, waiting("gone"), waiting("next"))
    clock.now = at(30)
    assert asked(breaker, waiting("next")) == [at(31)]
    clock.now = at(31)
    assert asked(breaker, waiting("next")) == [None]


async def test_gone_notification_does_not_keep_its_line_from_probing_for_long() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    asked(breaker, waiting("gone"), waiting("next"))
    clock.now = at(30)
    await call(breaker, Result.FAILURE)
    assert asked(breaker, waiting("next")) == [at(60.005)], "the breaker opened again"
    clock.now = at(60)
    assert asked(breaker, waiting("next")) == [None], "the first in line did not ask in time"


async def test_far_notifications_in_line_ask_again_at_200_per_second() -> None:
    clock = Clock()
    breaker = breaker_of(clock)
    await opened(breaker)
    clock.now = at(30)
    names = [waiting(f"uid-{number}") for number in range(603)]
    assert asked(breaker, *names)[-1] == at(33)


async def test_observer_sees_openings_and_closings_without_the_destination() -> None:
    clock, changes = Clock(), list[tuple[str, CircuitState]]()
    control = control_of(clock, on_change=lambda channel, state: changes.append((channel, state)))
    breaker = CircuitBreaker("slack", control)
    await opened(breaker)
    clock.now = at(30)
    await call(breaker, Result.FAILURE)
    clock.now = at(60)
    await call(breaker, Result.SUCCESS)
    await call(breaker, Result.SUCCESS)
    assert changes == [
        ("slack", CircuitState.OPEN),
        ("slack", CircuitState.OPEN),
        ("slack", CircuitState.CLOSED),
    ]


async def test_failing_observer_does_not_fail_the_call() -> None:
    def broken(_channel: str, _state: CircuitState) -> None:
        raise LookupError

    breaker = CircuitBreaker("slack", control_of(Clock(), on_change=broken))
    await opened(breaker)
    assert breaker.state() is CircuitState.OPEN


class Seconds:
    """Monotonic seconds that the test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_clock_step_neither_extends_nor_shortens_an_open_breaker() -> None:
    clock, seconds = Clock(), Seconds()
    breaker = breaker_of(clock, seconds)
    await opened(breaker)
    assert breaker.open_until() == at(30)
    seconds.now += 10
    clock.now = at(10 + 86_400)
    assert breaker.state() is CircuitState.OPEN
    assert breaker.open_until() == at(30 + 86_400)
    clock.now = at(10 - 86_400)
    assert await ask(breaker) == Rejected(until=at(30 - 86_400))
    seconds.now += 20
    assert breaker.state() is CircuitState.HALF_OPEN
    assert breaker.open_until() is None


async def test_time_of_the_next_probe_stays_the_same_while_clocks_drift() -> None:
    clock, seconds = Clock(), Seconds()
    breaker = breaker_of(clock, seconds)
    await opened(breaker)
    until = breaker.open_until()
    for step in range(1, 30):
        seconds.now = 1_000 + step
        clock.now = at(step * 1.001)
        assert breaker.open_until() == until
    clock.now = at(30)
    later = breaker.open_until()
    assert later is not None
    assert later > clock.now
