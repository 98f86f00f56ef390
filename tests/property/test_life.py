"""Whatever happens to a notification, in whatever order: what always holds, and that it comes to an end."""

import itertools
from collections import Counter
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import assume
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notification_operator.domain.model import AttemptStatus, Phase, RetryPolicy
from notification_operator.domain.phases import MOVES
from tests.property.strategies import Outcome, channel_lists, foreign_fields, outcomes, policies, seconds
from tests.property.world import OURS, World


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

    @rule()
    def begin_a_pass(self) -> None:
        self.world.begin()

    @precondition(lambda self: self.world.under_way)
    @rule(data=st.data(), outcome=outcomes)
    def end_a_try(self, data: st.DataObject, outcome: Outcome) -> None:
        self.world.end(data.draw(st.sampled_from(sorted(self.world.under_way))), outcome)

    @precondition(lambda self: self.world.under_way)
    @rule(data=st.data())
    def break_off_a_try(self, data: st.DataObject) -> None:
        del self.world.under_way[data.draw(st.sampled_from(sorted(self.world.under_way)))]

    @rule()
    def write(self) -> None:
        self.world.write(check=self.the_write_is_right)

    @rule(reaches=st.booleans())
    def write_without_an_answer(self, *, reaches: bool) -> None:
        self.world.write(reaches=reaches, answered=False, check=self.the_write_is_right)

    @rule(fields=foreign_fields)
    def another_writer_comes_by(self, fields: dict[str, Any]) -> None:
        assume(self.end_state is None)
        self.theirs |= fields
        self.world.store(self.world.status | fields)

    @rule()
    def crash(self) -> None:
        self.world.crash()

    @rule(passed=seconds)
    def time_passes(self, passed: float) -> None:
        self.world.now += timedelta(seconds=passed)

    @rule()
    def the_next_try_comes_due(self) -> None:
        self.world.wait_for_next()

    def the_write_is_right(self) -> None:
        """Hold for a status that was just written: its announcement, its counters."""
        status, seen = self.world.status, self.world.seen
        assert {attempt.key for attempt in self.world.over} <= {attempt.key for attempt in seen.attempts}
        tries = {
            channel: [a for a in seen.attempts if a.channel == channel] for channel in self.world.channels
        }
        succeeded = {c for c, made in tries.items() if any(a.succeeded for a in made)}
        finished = {
            channel
            for channel, made in tries.items()
            if any(a.permanent for a in made) or len(made) >= seen.retry.max_attempts
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
    def no_try_was_one_too_many_or_too_early(self) -> None:
        for call in self.world.calls[-4:]:
            assert 1 <= call.send.number <= self.world.policy.max_attempts
            assert call.send.number == len(call.known) + 1
            assert call.send.id == f"uid-1:{call.send.channel}:{call.send.number}"
            assert not any(attempt.succeeded or attempt.permanent for attempt in call.known)
            for failed in call.known:
                assert call.at >= failed.ended + self.world.shortest_pause(failed)

    def teardown(self) -> None:
        """From here on nothing goes wrong with the operator: whatever was before, it ends."""
        if not hasattr(self, "world"):
            return
        world, failing = self.world, Outcome(status=AttemptStatus.FAILED)
        rounds = len(world.channels) * world.policy.max_attempts + 2
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
        most = Counter(attempt.channel for attempt in world.seen.attempts)
        assert max(most.values()) <= world.policy.max_attempts


TestLife = Life.TestCase
