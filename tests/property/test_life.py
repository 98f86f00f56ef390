"""Whatever happens to a notification, in whatever order: what always holds, and that it comes to an end."""

import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum, auto
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notification_operator.domain.model import Attempt, AttemptStatus, Phase, RetryPolicy
from notification_operator.domain.phases import MOVES
from notification_operator.domain.text.timestamps import parse_time
from tests.property.strategies import Outcome, channel_lists, foreign_fields, outcomes, policies, seconds
from tests.property.world import OURS, World


class Trouble(Enum):
    """What goes wrong in a life."""

    CRASH = auto()
    BROKEN_OFF = auto()
    LOST_WRITE = auto()
    LOST_ANSWER = auto()
    OTHER_WRITER = auto()


class Life(RuleBasedStateMachine):
    """One notification among passes, slow tries, lost writes, crashes and other writers."""

    world: World
    theirs: dict[str, Any]
    """Fields that another writer set."""
    end_state: dict[str, Any] | None
    """The status as it was when it became final."""

    @initialize(channels=channel_lists, policy=policies)
    def create(self, channels: list[str], policy: RetryPolicy) -> None:
        self.world = World(channels, policy)
        self.theirs = {}
        self.end_state = None

    @rule(results=st.lists(st.none() | outcomes, min_size=4, max_size=4))
    def a_pass(self, results: list[Outcome | None]) -> None:
        """Plan, try, write; a try without a result so far stays open."""
        self.world.begin()
        for channel, result in zip(sorted(self.world.under_way), results, strict=False):
            if result is not None:
                self.world.end(channel, result)
        self.world.write(check=self.the_write_is_right)

    @precondition(lambda self: "nextAttemptAt" in self.world.status)
    @rule(results=st.lists(outcomes, min_size=4, max_size=4))
    def a_pass_when_a_try_is_due(self, results: list[Outcome]) -> None:
        """A circuit breaker that opened again since then puts it off."""
        self.world.wait_for_next()
        before = self.world.now
        turns = self.world.turns
        self.a_pass(list(results))
        assert self.world.turns > turns or parse_time(self.world.status["nextAttemptAt"]) > before

    @precondition(lambda self: "nextAttemptAt" in self.world.status)
    @rule(ahead=st.sampled_from([timedelta(microseconds=1), timedelta(seconds=0.3)]))
    def a_pass_just_before_a_try_is_due(self, ahead: timedelta) -> None:
        self.world.wait_for_next(ahead=ahead)
        self.a_pass([None] * 4)

    @precondition(lambda self: self.world.under_way)
    @rule(data=st.data(), outcome=outcomes)
    def a_slow_try_ends(self, data: st.DataObject, outcome: Outcome) -> None:
        self.world.end(data.draw(st.sampled_from(sorted(self.world.under_way))), outcome)

    @rule(data=st.data(), opened=st.sampled_from([1.0, 30.0]))
    def a_circuit_breaker_opens(self, data: st.DataObject, opened: float) -> None:
        """It turns away what waited for its probes, too."""
        channel = data.draw(st.sampled_from(sorted(self.world.channels)))
        self.world.held[channel] = self.world.now + timedelta(seconds=opened)
        if channel in self.world.under_way and data.draw(st.booleans()):
            self.world.turn_away(channel)

    @rule(passed=seconds)
    def time_passes(self, passed: float) -> None:
        self.world.now += timedelta(seconds=passed)

    @rule(kind=st.sampled_from(Trouble), fields=foreign_fields)
    def trouble(self, kind: Trouble, fields: dict[str, Any]) -> None:
        match kind:
            case Trouble.CRASH:
                self.world.crash()
            case Trouble.BROKEN_OFF:
                self.world.under_way.clear()
            case Trouble.LOST_WRITE:
                self.world.write(reaches=False, check=self.the_write_is_right)
            case Trouble.LOST_ANSWER:
                self.world.write(answered=False, check=self.the_write_is_right)
            case Trouble.OTHER_WRITER if self.end_state is None:
                self.theirs |= fields
                self.world.store(self.world.status | fields)

    def the_write_is_right(self) -> None:
        """Hold for a status that was just written: its announcement, its counters."""
        status, seen = self.world.status, self.world.seen
        made = {attempt.key for attempt in self.world.over if not attempt.circuit_open}
        assert made <= {attempt.key for attempt in seen.attempts}
        tries = {
            channel: [a for a in seen.attempts if a.channel == channel] for channel in self.world.channels
        }
        succeeded = {c for c, made in tries.items() if any(a.succeeded for a in made)}
        finished = {
            channel
            for channel, made in tries.items()
            if any(a.permanent for a in made) or len(reached(made)) >= seen.retry.max_attempts
        }
        waiting = {c for c, made in tries.items() if made} - succeeded - finished
        assert ("nextAttemptAt" in status) == bool(waiting - set(self.world.under_way))
        if seen.phase is Phase.PENDING:
            return
        assert status["totalAttempts"] == len(status["deliveryAttempts"])
        assert status["successfulDeliveries"] == len(succeeded)
        assert status["failedDeliveries"] == len({c for c, made in tries.items() if made} - succeeded)
        assert ("completionTime" in status) == self.world.final
        if seen.phase is Phase.SENT:
            assert succeeded == set(self.world.channels)
        elif seen.phase is Phase.PARTIALLY_SENT:
            assert succeeded
            assert succeeded | finished == set(self.world.channels)
        elif seen.phase is Phase.FAILED:
            assert not succeeded
            assert finished == set(self.world.channels)
        elif seen.phase is Phase.RETRYING:
            assert succeeded
            assert set(self.world.channels) - succeeded - finished

    @invariant()
    def folding_again_changes_nothing(self) -> None:
        once = self.world.decide()
        before, self.world.obj = self.world.obj, self.world.obj | {"status": once}
        assert self.world.decide() == once
        self.world.obj = before

    @invariant()
    def the_final_status_stays(self) -> None:
        if self.end_state is not None:
            assert self.world.status == self.end_state
        elif self.world.final:
            self.end_state = self.world.status

    @invariant()
    def phases_move_along_the_table(self) -> None:
        phases = [Phase(phase) for phase in self.world.phases]
        assert all(after in MOVES[before] for before, after in itertools.pairwise(phases))

    @invariant()
    def fields_of_others_survive(self) -> None:
        found = {key: value for key, value in self.world.status.items() if key not in OURS}
        assert found == self.theirs

    @invariant()
    def attempts_are_numbered_from_one_without_gaps(self) -> None:
        numbers: dict[str, list[int]] = {}
        for attempt in self.world.seen.attempts:
            numbers.setdefault(attempt.channel, []).append(attempt.number)
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())

    @invariant()
    def an_open_breaker_is_told_once_between_two_calls(self) -> None:
        for channel in self.world.channels:
            made = [attempt for attempt in self.world.seen.attempts if attempt.channel == channel]
            assert not any(a.circuit_open and b.circuit_open for a, b in itertools.pairwise(made))

    @invariant()
    def no_try_was_one_too_many_or_too_early(self) -> None:
        for call in self.world.calls[-4:]:
            assert len(reached(call.known)) < self.world.policy.max_attempts
            assert call.send.number == len(call.known) + 1
            assert call.send.id == f"uid-1:{call.send.channel}:{call.send.number}"
            assert not any(attempt.succeeded or attempt.permanent for attempt in call.known)
            for made, failed in enumerate(reached(call.known), start=1):
                assert call.at >= failed.ended + self.world.shortest_pause(failed, made)

    def teardown(self) -> None:
        """From here on nothing goes wrong with the operator: whatever was before, it ends."""
        if not hasattr(self, "world"):
            return
        world, failing = self.world, Outcome(status=AttemptStatus.FAILED)
        rounds = len(world.channels) * (world.policy.max_attempts + 2) + 2
        for _ in range(rounds):
            if world.final:
                break
            world.begin()
            for channel in list(world.under_way):
                world.end(channel, failing)
            world.write(check=self.the_write_is_right)
            world.wait_for_next()
        assert world.final
        assert world.begin().sends == ()
        most = Counter(attempt.channel for attempt in reached(world.seen.attempts))
        assert max(most.values()) <= world.policy.max_attempts


def reached(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return the tries that no circuit breaker kept from their channel."""
    return [attempt for attempt in attempts if not attempt.circuit_open]


TestLife = Life.TestCase
