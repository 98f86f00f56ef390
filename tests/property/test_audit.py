"""Audit events over whole lives: each fact at most once, and exactly once while the process lives."""

from enum import Enum, auto
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from notification_operator.domain.audit_events import events
from notification_operator.domain.fold import excluding_attempts
from notification_operator.domain.model import Phase, RetryPolicy
from notification_operator.observers.publisher import Transition
from tests.property.strategies import Outcome, channel_lists, outcomes, policies
from tests.property.world import World


class Fate(Enum):
    """What becomes of a write, or of the process before it."""

    WRITTEN = auto()
    LOST_WRITE = auto()
    LOST_ANSWER = auto()
    CRASH = auto()


steps = st.tuples(st.lists(st.none() | outcomes, min_size=4, max_size=4), st.sampled_from(Fate))
"""How the tries of a pass end, if they do, and what becomes of its write."""
MOST = 60


class Listener:
    """Takes note of the events that an operator's passes over a world tell."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[dict[str, Any]] = []

    def a_pass(self, results: list[Outcome | None], fate: Fate) -> None:
        world = self.world
        world.wait_for_next()
        world.begin()
        for channel, result in zip(sorted(world.under_way), results, strict=False):
            if result is not None:
                world.end(channel, result)
        if fate is Fate.CRASH:
            world.crash()
        made, read = list(world.over), world.seen
        world.write(
            reaches=fate is not Fate.LOST_WRITE,
            answered=fate is not Fate.LOST_ANSWER,
            check=lambda: None,
        )
        if fate in {Fate.WRITTEN, Fate.CRASH}:
            heard = Transition(before=excluding_attempts(read, made), after=world.seen)
            content = heard.after.content
            self.told += events(heard.before, heard.after, content=content, attempts=heard.new_attempts)

    @property
    def ids(self) -> list[str]:
        return [event["event_id"] for event in self.told]

    def expected(self) -> int:
        """How many facts the status holds."""
        seen = self.world.seen
        return len(seen.attempts) + (seen.phase in {Phase.SENT, Phase.FAILED})


@given(channel_lists, policies, st.lists(steps, max_size=20))
def test_no_fact_is_told_twice_whatever_is_lost(
    channels: list[str], policy: RetryPolicy, life: list[tuple[list[Outcome | None], Fate]]
) -> None:
    listener = Listener(World(channels, policy))
    for results, fate in life:
        listener.a_pass(results, fate)
    assert len(set(listener.ids)) == len(listener.ids) <= listener.expected()


@given(
    channel_lists,
    policies,
    st.lists(steps.filter(lambda step: step[1] is not Fate.CRASH), max_size=20),
    st.lists(outcomes, min_size=4, max_size=4),
)
def test_every_fact_is_told_once_by_a_process_that_lives(
    channels: list[str],
    policy: RetryPolicy,
    life: list[tuple[list[Outcome | None], Fate]],
    ending: list[Outcome],
) -> None:
    listener = Listener(World(channels, policy))
    for results, fate in life:
        listener.a_pass(results, fate)
    for _ in range(MOST):
        listener.a_pass(list(ending), Fate.WRITTEN)
    assert listener.world.final
    assert len(set(listener.ids)) == len(listener.ids) == listener.expected()
