"""The life of a notification: invariants under any sequence of events, and that it ends."""

import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum, auto
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notification_contract.kinds.choices import AttemptStatus, Phase
from notification_domain.json_values import parse_time
from notification_domain.model import Attempt, RetryPolicy
from notification_domain.status import MOVES
from tests.property.notification_model import OURS, NotificationModel
from tests.property.strategies import Outcome, channel_lists, foreign_fields, outcomes, policies, seconds


class Fault(Enum):
    """What goes wrong in a life."""

    CRASH = auto()
    CANCELLED = auto()
    LOST_WRITE = auto()
    LOST_ANSWER = auto()
    OTHER_WRITER = auto()


class Life(RuleBasedStateMachine):
    """One notification among reconciliations, slow attempts, lost writes, crashes and other writers."""

    model: NotificationModel
    theirs: dict[str, Any]
    """Fields that another writer set."""
    end_state: dict[str, Any] | None
    """The status as it was when it became final."""

    @initialize(channels=channel_lists, policy=policies)
    def create(self, channels: list[str], policy: RetryPolicy) -> None:
        self.model = NotificationModel(channels, policy)
        self.theirs = {}
        self.end_state = None

    @rule(results=st.lists(st.none() | outcomes, min_size=4, max_size=4))
    def a_reconciliation(self, results: list[Outcome | None]) -> None:
        """Plan, deliver, write; an attempt without a result keeps running."""
        self.model.begin()
        for channel, result in zip(sorted(self.model.running), results, strict=False):
            if result is not None:
                self.model.end(channel, result)
        self.model.write(check=self.check_write)

    @precondition(lambda self: "nextAttemptAt" in self.model.status)
    @rule(results=st.lists(outcomes, min_size=4, max_size=4))
    def a_reconciliation_when_an_attempt_is_due(self, results: list[Outcome]) -> None:
        """A circuit breaker that opened since then postpones it, to a time that only the breaker knows if no other one is later."""
        self.model.wait_for_next()
        before = self.model.now
        turns = self.model.planned
        self.a_reconciliation(list(results))
        if self.model.planned == turns:
            shown = self.model.status.get("nextAttemptAt")
            assert self.model.open_breakers() if shown is None else parse_time(shown) > before

    @precondition(lambda self: "nextAttemptAt" in self.model.status)
    @rule(ahead=st.sampled_from([timedelta(microseconds=1), timedelta(seconds=0.3)]))
    def a_reconciliation_just_before_an_attempt_is_due(self, ahead: timedelta) -> None:
        self.model.wait_for_next(ahead=ahead)
        self.a_reconciliation([None] * 4)

    @precondition(lambda self: self.model.running)
    @rule(data=st.data(), outcome=outcomes)
    def a_slow_attempt_ends(self, data: st.DataObject, outcome: Outcome) -> None:
        self.model.end(data.draw(st.sampled_from(sorted(self.model.running))), outcome)

    @rule(data=st.data(), opened=st.sampled_from([1.0, 30.0]))
    def a_circuit_breaker_opens(self, data: st.DataObject, opened: float) -> None:
        """It also rejects attempts that waited for its probes."""
        channel = data.draw(st.sampled_from(sorted(self.model.channels)))
        self.model.breakers[channel] = self.model.now + timedelta(seconds=opened)
        if channel in self.model.running and data.draw(st.booleans()):
            self.model.reject(channel)

    @rule(data=st.data(), pause=st.sampled_from([5.0, 3600.0]))
    def a_receiver_asks_for_a_pause(self, data: st.DataObject, pause: float) -> None:
        channel = data.draw(st.sampled_from(sorted(self.model.channels)))
        self.model.pause(channel, pause)

    @rule(passed=seconds)
    def time_passes(self, passed: float) -> None:
        self.model.now += timedelta(seconds=passed)

    @rule(kind=st.sampled_from(Fault), fields=foreign_fields)
    def fault(self, kind: Fault, fields: dict[str, Any]) -> None:
        match kind:
            case Fault.CRASH:
                self.model.crash()
            case Fault.CANCELLED:
                self.model.running.clear()
            case Fault.LOST_WRITE:
                self.model.write(reaches=False, check=self.check_write)
            case Fault.LOST_ANSWER:
                self.model.write(answered=False, check=self.check_write)
            case Fault.OTHER_WRITER if self.end_state is None:
                self.theirs |= fields
                self.model.store(self.model.status | fields)

    def awaits_probe(self, attempts: list[Attempt]) -> bool:
        latest = max(attempts, key=lambda attempt: attempt.number)
        return latest.circuit_open and latest.channel in self.model.open_breakers()

    def check_write(self) -> None:
        """Check a status that was just written: its next attempt and its counters."""
        status, seen = self.model.status, self.model.current
        finished_keys = {attempt.key for attempt in self.model.finished if not attempt.circuit_open}
        assert finished_keys <= {attempt.key for attempt in seen.attempts}
        by_channel = {
            channel: [a for a in seen.attempts if a.channel == channel] for channel in self.model.channels
        }
        succeeded = {c for c, each in by_channel.items() if any(a.succeeded for a in each)}
        finished = {
            channel
            for channel, each in by_channel.items()
            if any(a.permanent for a in each) or len(delivered(each)) >= seen.retry.max_attempts
        }
        waiting = {c for c, each in by_channel.items() if each} - succeeded - finished
        held = {c for c, each in by_channel.items() if c in self.model.holds() and not each}
        # Only the breaker knows when it permits the next attempt.
        probing = {c for c in waiting if self.awaits_probe(by_channel[c])}
        timed = (waiting | held) - probing - set(self.model.running)
        if timed:
            assert "nextAttemptAt" in status
        elif (shown := status.get("nextAttemptAt")) is not None:
            # The end of a hold stays until the attempt that it delayed is recorded: also after a crash, when the
            # operator does not know the hold any more and makes the attempt at once.
            assert seen.phase is Phase.SENDING
            assert parse_time(shown) <= self.model.now or parse_time(shown) in self.model.forgotten_pauses
        if len(timed) == 1:
            (channel,), holds = timed, self.model.holds()
            assert channel not in holds or parse_time(status["nextAttemptAt"]) >= holds[channel].until
        if seen.phase is Phase.PENDING:
            return
        assert status["totalAttempts"] == len(status["deliveryAttempts"])
        assert status["successfulDeliveries"] == len(succeeded)
        assert status["failedDeliveries"] == len({c for c, each in by_channel.items() if each} - succeeded)
        assert ("completionTime" in status) == self.model.final
        if seen.phase is Phase.SENT:
            assert succeeded == set(self.model.channels)
        elif seen.phase is Phase.PARTIALLY_SENT:
            assert succeeded
            assert succeeded | finished == set(self.model.channels)
        elif seen.phase is Phase.FAILED:
            assert not succeeded
            assert finished == set(self.model.channels)
        elif seen.phase is Phase.RETRYING:
            assert succeeded
            assert set(self.model.channels) - succeeded - finished

    @invariant()
    def fold_is_idempotent(self) -> None:
        once = self.model.decide()
        before, self.model.obj = self.model.obj, self.model.obj | {"status": once}
        assert self.model.decide() == once
        self.model.obj = before

    @invariant()
    def final_status_stays(self) -> None:
        if self.end_state is not None:
            assert self.model.status == self.end_state
        elif self.model.final:
            self.end_state = self.model.status

    @invariant()
    def phase_changes_are_allowed(self) -> None:
        phases = [Phase(phase) for phase in self.model.phases]
        assert all(after in MOVES[before] for before, after in itertools.pairwise(phases))

    @invariant()
    def foreign_fields_survive(self) -> None:
        foreign = {key: value for key, value in self.model.status.items() if key not in OURS}
        assert foreign == self.theirs

    @invariant()
    def attempts_are_numbered_from_one_without_gaps(self) -> None:
        numbers: dict[str, list[int]] = {}
        for attempt in self.model.current.attempts:
            numbers.setdefault(attempt.channel, []).append(attempt.number)
        assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())

    @invariant()
    def open_breaker_is_recorded_once_between_two_calls(self) -> None:
        for channel in self.model.channels:
            attempts = [attempt for attempt in self.model.current.attempts if attempt.channel == channel]
            assert not any(a.circuit_open and b.circuit_open for a, b in itertools.pairwise(attempts))

    @invariant()
    def attempts_keep_the_number_and_the_pauses_of_the_policy(self) -> None:
        for call in self.model.calls[-4:]:
            assert len(delivered(call.known)) < self.model.policy.max_attempts
            assert call.send.number == len(call.known) + 1
            assert call.send.id == f"uid-1:{call.send.channel}:{call.send.number}"
            assert not any(attempt.succeeded or attempt.permanent for attempt in call.known)
            for count, failed in enumerate(delivered(call.known), start=1):
                assert call.at >= failed.ended + self.model.shortest_pause(failed, count)

    def teardown(self) -> None:
        """Without further faults of the operator, the notification ends."""
        if not hasattr(self, "model"):
            return
        model, failing = self.model, Outcome(status=AttemptStatus.FAILED)
        rounds = len(model.channels) * (model.policy.max_attempts + 2) + 2
        for _ in range(rounds):
            if model.final:
                break
            model.begin()
            for channel in list(model.running):
                model.end(channel, failing)
            model.write(check=self.check_write)
            model.wait_for_next()
        assert model.final
        assert model.begin().sends == ()
        most = Counter(attempt.channel for attempt in delivered(model.current.attempts))
        assert max(most.values()) <= model.policy.max_attempts


def delivered(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return the attempts that no circuit breaker rejected."""
    return [attempt for attempt in attempts if not attempt.circuit_open]


TestLife = Life.TestCase
