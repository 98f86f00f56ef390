"""The attempt tracker: no attempt runs twice at once, and none is lost between its end and a write."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notification_contract.kinds.choices import AttemptStatus
from notification_domain.key import Key
from notification_domain.model import Attempt, parse
from notification_domain.routing import Route
from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.endpoints.gate import Postponed
from notification_runtime.telemetry.gauges import AttemptStatistics
from tests.simulation.virtual_loop import run_virtually
from tests.unit.operator.domain.builders import stored

ROUTE = Route(targets=("slack", "console"))


KEY = Key(namespace="shop", name="order-1", uid="uid")


class TrackerFixture:
    """A tracker, the handle of one object, and the keys that were reported as finished."""

    def __init__(self) -> None:
        self.reported: list[Key] = []
        self.tracker: AttemptTracker = AttemptTracker(on_finished=self.reported.append)
        self.attempts = self.tracker.of(KEY)

    def start(self, attempt: Attempt, gate: asyncio.Event | None = None) -> None:
        async def deliver() -> Attempt:
            if gate is not None:
                await gate.wait()
            return attempt

        self.attempts.start(attempt.channel, ROUTE, deliver(), failed=failed)

    def start_broken(self, error: BaseException, *, failed: Callable[[BaseException], Attempt]) -> None:
        async def break_down() -> Attempt:
            raise error

        self.attempts.start("slack", ROUTE, break_down(), failed=failed)

    async def finish(self) -> None:
        await self.attempts.wait(5)
        await asyncio.sleep(0)

    @property
    def statistics(self) -> AttemptStatistics:
        return self.tracker.statistics()


def failed(error: BaseException) -> Attempt:
    return Attempt(
        channel="slack",
        number=1,
        timestamp=datetime.now(UTC),
        status=AttemptStatus.FAILED,
        error=type(error).__name__,
        permanent=True,
    )


def attempt(channel: str = "slack", number: int = 1) -> Attempt:
    return Attempt(channel=channel, number=number, timestamp=datetime.now(UTC), status=AttemptStatus.SUCCESS)


async def test_attempt_runs_finishes_and_is_dropped_when_acknowledged() -> None:
    fixture, gate, result = TrackerFixture(), asyncio.Event(), attempt()
    fixture.start(result, gate)
    assert (fixture.attempts.running, fixture.attempts.finished) == (frozenset({"slack"}), ())
    assert fixture.statistics == AttemptStatistics(objects=1, running=1)
    gate.set()
    await fixture.finish()
    assert (fixture.attempts.running, fixture.attempts.finished) == (frozenset(), (result,))
    assert fixture.tracker.finished("uid") == (result,)
    finished = fixture.statistics
    assert finished == AttemptStatistics(
        objects=1, unrecorded=1, unrecorded_seconds=finished.unrecorded_seconds
    )
    fixture.attempts.acknowledge([result])
    assert fixture.statistics == AttemptStatistics()


def test_unrecorded_time_is_that_of_the_attempt_that_waits_longest() -> None:
    async def run() -> list[float]:
        fixture, first, second = TrackerFixture(), attempt(), attempt("console")
        waited = []
        for each in (first, second):
            fixture.start(each)
            await fixture.finish()
            await asyncio.sleep(10)
            waited.append(fixture.statistics.unrecorded_seconds)
        fixture.attempts.acknowledge([first])
        return [*waited, fixture.statistics.unrecorded_seconds]

    assert run_virtually(run()) == [10, 20, 0]


async def test_object_has_one_handle_while_its_attempts_are_tracked() -> None:
    fixture, result = TrackerFixture(), attempt()
    fixture.start(result)
    assert fixture.tracker.of(KEY) is fixture.attempts
    await fixture.finish()
    fixture.attempts.acknowledge([result])
    assert fixture.tracker.of(KEY) is not fixture.attempts
    assert not fixture.tracker.tracks("uid")


async def test_wait_ends_at_its_time_and_leaves_the_slow_attempt_running() -> None:
    fixture, gate, quick = TrackerFixture(), asyncio.Event(), attempt("console")
    fixture.start(attempt(), gate)
    fixture.start(quick)
    await fixture.attempts.wait(0.05)
    assert fixture.attempts.finished == (quick,)
    assert fixture.attempts.running == {"slack"}
    gate.set()
    await fixture.attempts.wait(5)


async def test_end_of_a_slow_attempt_is_reported() -> None:
    fixture, gate = TrackerFixture(), asyncio.Event()
    fixture.start(attempt(), gate)
    fixture.attempts.end()
    assert fixture.reported == []
    gate.set()
    await fixture.finish()
    assert fixture.reported == [KEY]


async def test_end_before_the_end_of_a_reconciliation_is_reported_at_once() -> None:
    fixture = TrackerFixture()
    fixture.start(attempt())
    await fixture.finish()
    assert fixture.reported == []
    fixture.attempts.end()
    assert fixture.reported == [KEY]


async def test_end_during_a_reconciliation_is_not_reported() -> None:
    fixture = TrackerFixture()
    fixture.start(attempt())
    fixture.attempts.end()
    fixture.attempts.begin()
    await fixture.finish()
    assert fixture.reported == []


async def test_acknowledging_a_held_attempt_keeps_the_next_of_its_number() -> None:
    fixture = TrackerFixture()
    held = replace(failed(OSError()), permanent=False, circuit_open=True)
    later = replace(held, timestamp=held.timestamp + timedelta(seconds=2), circuit_open=False)
    for each in (held, later):
        fixture.start(each)
        await fixture.finish()
    fixture.attempts.acknowledge([held])
    assert fixture.attempts.finished == (later,)


async def test_acknowledging_one_attempt_keeps_the_others() -> None:
    fixture, first, second = TrackerFixture(), attempt("slack"), attempt("file")
    for each in (first, second):
        fixture.start(each)
    await fixture.finish()
    fixture.attempts.acknowledge([first])
    assert fixture.attempts.finished == (second,)


async def test_result_for_a_forgotten_object_is_not_kept() -> None:
    fixture, gate = TrackerFixture(), asyncio.Event()
    fixture.start(attempt(), gate)
    fixture.tracker.forget("uid")
    assert fixture.attempts.forgotten
    assert (fixture.attempts.running, fixture.attempts.route) == (frozenset(), None)
    assert fixture.statistics == AttemptStatistics(running=1)
    gate.set()
    await asyncio.sleep(0.01)
    assert fixture.statistics == AttemptStatistics()


async def test_handle_without_attempts_is_forgotten_and_the_next_one_is_not() -> None:
    fixture = TrackerFixture()
    fixture.tracker.forget("uid")
    assert fixture.attempts.forgotten
    assert not fixture.tracker.of(KEY).forgotten


async def test_cancelled_attempt_leaves_no_result() -> None:
    fixture = TrackerFixture()
    fixture.start(attempt(), asyncio.Event())
    fixture.attempts.end()
    fixture.tracker.cancel()
    async with asyncio.timeout(5):
        await fixture.tracker.idle()
    assert fixture.reported == []
    assert fixture.tracker.finished("uid") == ()


async def test_tracker_is_idle_when_the_last_attempt_is_acknowledged() -> None:
    fixture, result = TrackerFixture(), attempt()
    fixture.start(result)
    idle = asyncio.create_task(fixture.tracker.idle())
    await asyncio.sleep(0.02)
    assert not idle.done()
    fixture.attempts.acknowledge([result])
    await asyncio.wait_for(idle, 5)


async def test_tracker_is_not_idle_while_another_object_is_written() -> None:
    fixture, result, unwritten = TrackerFixture(), attempt(), parse(stored())
    fixture.start(result)
    idle = asyncio.create_task(fixture.tracker.idle())
    await asyncio.sleep(0.02)
    other = fixture.tracker.of(Key(namespace="shop", name="order-2", uid="uid-2"))
    # The end of the one and the write of the other come before the waiting task runs again.
    fixture.tracker.forget("uid")
    other.begin_write(unwritten)
    await asyncio.sleep(0.02)
    assert not idle.done()
    other.acknowledge([])
    await asyncio.wait_for(idle, 5)


async def test_route_is_kept_as_long_as_its_attempts() -> None:
    fixture, result = TrackerFixture(), attempt()
    assert fixture.attempts.route is None
    fixture.start(result)
    await fixture.finish()
    assert fixture.tracker.of(KEY).route is ROUTE
    fixture.attempts.acknowledge([result])
    assert fixture.tracker.of(KEY).route is None


@pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError()])
async def test_attempt_that_raises_becomes_a_recorded_failure(error: BaseException) -> None:
    fixture = TrackerFixture()
    fixture.attempts.end()
    fixture.start_broken(error, failed=failed)
    await fixture.finish()
    (result,) = fixture.attempts.finished
    assert (result.error, fixture.reported) == (type(error).__name__, [KEY])
    fixture.attempts.acknowledge([result])
    async with asyncio.timeout(1):
        await fixture.tracker.idle()


async def test_attempt_without_any_record_requeues_its_object_and_is_dropped() -> None:
    def fail(error: BaseException) -> Attempt:
        raise ValueError from error

    fixture = TrackerFixture()
    fixture.attempts.end()
    fixture.start_broken(ZeroDivisionError(), failed=fail)
    await fixture.finish()
    assert (fixture.reported, fixture.statistics) == ([KEY], AttemptStatistics())
    async with asyncio.timeout(1):
        await fixture.tracker.idle()


async def test_failing_callback_does_not_keep_an_object_tracked() -> None:
    def refuse(key: Key) -> None:
        raise ValueError(key)

    tracker: AttemptTracker = AttemptTracker(on_finished=refuse)
    attempts, result = tracker.of(KEY), attempt()

    async def deliver() -> Attempt:
        return result

    attempts.start("slack", ROUTE, deliver(), failed=failed)
    attempts.end()
    await attempts.wait(5)
    await asyncio.sleep(0)
    assert attempts.finished == (result,)
    attempts.acknowledge([result])
    assert not tracker.tracks("uid")


async def test_shutdown_does_not_wait_for_a_stalled_object() -> None:
    fixture = TrackerFixture()
    fixture.start(attempt())
    await fixture.finish()
    fixture.attempts.stall()
    async with asyncio.timeout(1):
        await fixture.tracker.idle()
    assert (fixture.tracker.keys, fixture.tracker.tracks("uid")) == ((), True)
    fixture.attempts.begin()
    assert fixture.tracker.keys == (KEY,)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await fixture.tracker.idle()


async def test_postponed_attempt_is_reported_and_leaves_no_record() -> None:
    fixture = TrackerFixture()
    gate = asyncio.Event()

    async def postponed() -> Attempt:
        await gate.wait()
        raise Postponed

    fixture.attempts.start("slack", ROUTE, postponed(), failed=failed)
    fixture.attempts.end()
    gate.set()
    await fixture.attempts.wait(1)
    await asyncio.sleep(0)
    assert (fixture.reported, fixture.attempts.finished, fixture.tracker.tracks("uid")) == ([KEY], (), False)


async def test_attempt_postponed_in_a_reconciliation_is_reported_at_its_end() -> None:
    """The reconciliation may end after the pause: nothing else would request the next one."""
    fixture = TrackerFixture()

    async def postponed() -> Attempt:
        raise Postponed

    fixture.attempts.begin()
    fixture.attempts.start("slack", ROUTE, postponed(), failed=failed)
    await fixture.attempts.wait(1)
    await asyncio.sleep(0)
    assert (fixture.reported, fixture.attempts.forgotten) == ([], False)
    fixture.attempts.acknowledge(())
    assert not fixture.tracker.tracks("uid")
    fixture.attempts.end()
    assert fixture.reported == [KEY]
    fixture.attempts.begin()
    fixture.attempts.end()
    assert fixture.reported == [KEY]
