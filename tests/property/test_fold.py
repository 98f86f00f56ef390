"""Folding: once is enough, in any order, in any parts, on any read."""

import itertools
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notification_operator.domain.fold import fold
from notification_operator.domain.model import Attempt, AttemptStatus, parse
from notification_operator.domain.outcome import decide_phase
from notification_operator.domain.phases import FINAL
from notification_operator.domain.progress import progress
from notification_operator.domain.routing.route import Route, resolve
from tests.property.strategies import Outcome, foreign_fields, outcomes, policies, turned_away
from tests.property.world import World
from tests.unit.operator.domain.builders import START, at, stored

CHANNELS = ["slack", "console", "file"]


@st.composite
def stories(draw: st.DrawFn) -> tuple[World, list[Attempt]]:
    """Return a world and tries that were made in it, none of them written yet."""
    world = World(CHANNELS, draw(policies))
    made = []
    for channel in CHANNELS:
        results = draw(st.lists(outcomes | turned_away, max_size=min(4, world.policy.max_attempts)))
        for number, result in enumerate(_until_the_end(_told_once(results)), start=1):
            made.append(_attempt(channel, number, result))
    return world, made


def _told_once(results: list[Outcome]) -> list[Outcome]:
    """Return the results without a circuit breaker's that follows another one's."""
    pairs = itertools.pairwise([None, *results])
    return [now for before, now in pairs if now and not (before and before.circuit_open and now.circuit_open)]


def _until_the_end(results: list[Outcome]) -> list[Outcome]:
    """Return the results up to the first after which nobody would try again."""
    ends = [i for i, r in enumerate(results) if r.permanent or r.status is AttemptStatus.SUCCESS]
    return results[: ends[0] + 1] if ends else results


def _attempt(channel: str, number: int, result: Outcome) -> Attempt:
    return Attempt(
        channel=channel,
        number=number,
        timestamp=at(number * 100),
        status=result.status,
        duration=result.duration,
        permanent=result.permanent,
        retry_after=result.retry_after,
        circuit_open=result.circuit_open,
    )


def steps(world: World, made: list[Attempt], *parts: int) -> dict[str, Any]:
    """Write the tries in parts, each folded on a fresh read; return the last status."""
    edges = [0, *sorted(parts), len(made)]
    for start, stop in itertools.pairwise(edges):
        world.store(world.decide(made[start:stop]))
    return world.status


def facts(status: dict[str, Any]) -> dict[str, Any]:
    """Return what a status says of the tries, whatever was shown in between.

    Times and conditions tell when something was written, and Retrying, once shown, stays to the end.
    """
    dated = {"completionTime", "processingStartedAt", "conditions"}
    if status["phase"] not in FINAL:
        dated |= {"phase", "reason", "message"}
    entries = sorted(
        status.get("deliveryAttempts", ()), key=lambda entry: (entry["channel"], entry["attempt"])
    )
    return {key: value for key, value in status.items() if key not in dated} | {"deliveryAttempts": entries}


@given(stories())
def test_twice_is_once(story: tuple[World, list[Attempt]]) -> None:
    world, made = story
    once = steps(world, made)
    assert steps(world, made) == once
    assert steps(world, made + made) == once
    told_otherwise = [replace(attempt, timestamp=at(1), error="in other words") for attempt in made]
    assert steps(world, told_otherwise) == once


@given(stories(), st.randoms(use_true_random=False))
def test_the_order_in_which_tries_are_told_does_not_matter(
    story: tuple[World, list[Attempt]], random: Any
) -> None:
    world, made = story
    assert world.decide(random.sample(made, len(made))) | {"deliveryAttempts": []} == world.decide(made) | {
        "deliveryAttempts": []
    }


@given(stories(), st.data())
def test_it_does_not_matter_in_how_many_writes_tries_arrive(
    story: tuple[World, list[Attempt]], data: st.DataObject
) -> None:
    world, made = story
    in_one = world.decide(made)
    parts = data.draw(st.lists(st.integers(0, len(made)), max_size=3))
    in_parts = steps(world, made, *parts)
    assert (in_parts["phase"] in FINAL) is (in_one["phase"] in FINAL)
    assert facts(in_parts) == facts(in_one)


@given(stories(), foreign_fields)
def test_a_conflict_loses_neither_our_tries_nor_their_fields(
    story: tuple[World, list[Attempt]], fields: dict[str, Any]
) -> None:
    world, made = story
    undisturbed = world.decide(made)
    world.store(world.status | fields)
    assert world.decide(made) == undisturbed | fields


@given(stories(), st.sets(st.sampled_from(CHANNELS)))
def test_a_next_try_is_announced_if_and_only_if_one_is_to_come_that_is_not_under_way(
    story: tuple[World, list[Attempt]], in_flight: set[str]
) -> None:
    world, made = story
    waiting = {
        channel
        for channel in CHANNELS
        if (tries := [attempt for attempt in made if attempt.channel == channel])
        and not any(attempt.succeeded or attempt.permanent for attempt in tries)
        and len([attempt for attempt in tries if not attempt.circuit_open]) < world.policy.max_attempts
    }
    status = fold(
        world.seen,
        made,
        route=resolve(world.seen),
        in_flight=frozenset(in_flight),
        queued_at=START,
        now=world.now,
    )
    assert (status.next_attempt_at is not None) == bool(waiting - in_flight)


@given(stories())
def test_the_phase_is_that_of_the_recorded_tries_alone(story: tuple[World, list[Attempt]]) -> None:
    """A fresh operator, knowing nothing but the stored status, comes to the same verdict."""
    world, made = story
    if not made:
        return
    status = steps(world, made)
    read = parse(world.obj)
    verdict = decide_phase(
        progress(read, resolve(read).channels, read.attempts),
        read.retry,
        present=read.phase,
        in_flight=frozenset(),
    )
    assert (verdict.phase, verdict.message) == (status["phase"], status["message"])


@given(stories(), st.sampled_from(["Sent", "PartiallySent", "Failed"]), foreign_fields)
def test_a_final_status_is_returned_as_it_is(
    story: tuple[World, list[Attempt]], phase: str, fields: dict[str, Any]
) -> None:
    _, made = story
    status = fields | {"phase": phase}
    read = parse(stored(spec={"channels": CHANNELS}, status=status))
    again = fold(
        read, made, route=Route(channels=read.channels), in_flight=frozenset(), queued_at=START, now=at(9)
    )
    assert again.dump() == status
