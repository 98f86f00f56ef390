"""The whole operator in a simulated cluster: whatever is interleaved, lost or killed, its promises hold."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.sabotage import CachedStore, PiecemealStore
from tests.simulation.search import TAPE_LENGTH, find, shortest, story, tape
from tests.simulation.world import run_schedule

SHARES = 8
SCHEDULES = 2000 // SHARES

OVERTAKEN = bytes.fromhex(
    "0000b600e8c4550000008200000000f000009700f000c60000000000a400670000000000000000d938000000000000000000000000dd"
    "00000000000000000000000000de00000000fd0041005d0000000000000000680000c2d300fed90000000000000000fb"
)
"""A success of a second process, whose write it does not live to see, and a late write of the first one."""


def test_in_a_world_without_trouble_a_notification_is_delivered_and_written_once() -> None:
    outcome = run_schedule(b"")
    assert not outcome.broken
    assert (outcome.reads, outcome.writes) == (1, 1)
    told = [line.lstrip().split("  ", 1)[1] for line in outcome.story]
    assert [line for line in told if "operator 1: " in line][:3] == [
        "operator 1: starts",
        "operator 1: calls uid-1:console:1",
        "operator 1: writes a: Sent, console 1 success",
    ]


@pytest.mark.parametrize("share", range(SHARES))
def test_every_schedule_keeps_every_promise(share: int) -> None:
    seed = find(range(share * SCHEDULES, (share + 1) * SCHEDULES))
    if seed is not None:
        told = story(shortest(tape(seed)))
        pytest.fail(f"seed {seed}: {told.broken}\n" + "\n".join(told.story))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=TAPE_LENGTH // 2, max_size=TAPE_LENGTH // 2))
def test_no_schedule_that_is_searched_for_breaks_one(data: bytes) -> None:
    outcome = run_schedule(data)
    assert not outcome.broken, "\n".join(outcome.story)


def test_the_same_tape_tells_the_same_story() -> None:
    assert run_schedule(tape(7)).story == run_schedule(tape(7)).story


def test_the_one_loss_that_cannot_be_helped_is_counted_also_where_a_breaker_turned_the_try_away() -> None:
    outcome = run_schedule(OVERTAKEN)
    assert not outcome.broken
    assert outcome.overtaken == 1
    assert any(line.endswith("operator 3: calls uid-3:slack:3") for line in outcome.story)


def test_reading_from_a_cache_sends_after_a_success() -> None:
    seed = find(range(2000), promise="is called after", store=CachedStore)
    assert seed is not None


def test_writing_try_by_try_loses_an_attempt() -> None:
    seed = find(range(2000), promise="a recorded attempt is lost", store=PiecemealStore)
    assert seed is not None


def test_a_tape_that_was_made_short_breaks_the_same_promise_with_its_last_choice() -> None:
    seed = find(range(2000), promise="a recorded attempt is lost", store=PiecemealStore)
    assert seed is not None
    short = shortest(tape(seed), promise="a recorded attempt is lost", store=PiecemealStore)
    told = run_schedule(short, PiecemealStore)
    assert "a recorded attempt is lost" in told.broken
    assert len(short) == told.choices < TAPE_LENGTH


def test_a_schedule_ends_with_its_first_broken_promise() -> None:
    seed = find(range(2000), promise="is called after", store=CachedStore)
    assert seed is not None
    told = run_schedule(tape(seed), CachedStore)
    broken = next(line for line in told.story if "BROKEN" in line)
    assert broken.endswith(told.broken)
    assert float(broken.split()[0]) == pytest.approx(told.seconds, abs=0.001)


def test_nobody_waits_for_what_comes_after_their_patience() -> None:
    whole, part = run_schedule(tape(7)), run_schedule(tape(7), patience=5.0)
    assert part.seconds == pytest.approx(5.0)
    ended = next(index for index, line in enumerate(whole.story) if float(line.split()[0]) > part.seconds)
    assert part.story[:ended] == whole.story[:ended]
