"""A circuit breaker among calls that overlap, fail, succeed and are cancelled, in any order."""

from datetime import datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notification_contract.kinds.choices import CircuitState
from notification_domain.flow_control.breaker import (
    MOST_RESULTS,
    SPREAD,
    Admission,
    Breaker,
    Limits,
    Recent,
    Result,
    admit,
    failures_to_open,
    report,
)
from tests.unit.operator.domain.builders import START, at

LIMITS = st.builds(
    Limits,
    failure_threshold=st.integers(1, 4),
    open_seconds=st.sampled_from([1.0, 30.0]),
    initial_open_seconds=st.sampled_from([None, 1.0]),
    probes=st.integers(1, 3),
)
NOTIFICATIONS = st.sampled_from(["", "a", "b", "c", "d", "e"])


class Calls(RuleBasedStateMachine):
    """Calls to one destination, which the test records on its own."""

    breaker: Breaker
    running: list[Admission]
    failing: list[str]
    """Notifications that failed since the last success or change of state, in calls that began since that change."""

    @initialize(limits=LIMITS)
    def create(self, limits: Limits) -> None:
        self.breaker = Breaker(limits=limits)
        self.running = []
        self.failing = []
        self.owed_probes = 0
        """Those that were made since the breaker opened again."""
        self.now = START

    @property
    def circuit(self) -> CircuitState:
        return self.breaker.circuit(self.now)

    @property
    def owed(self) -> bool:
        """Whether a probe of the half-open breaker that opened again may still be made."""
        owed = self.breaker.owed
        return owed is not None and owed.probes > 0 and self.now < owed.until

    @property
    def running_in_this_spell(self) -> list[Admission]:
        return [permit for permit in self.running if permit.generation == self.breaker.generation]

    @rule(notification=NOTIFICATIONS, in_turn=st.booleans())
    def a_call_is_admitted_or_rejected(self, notification: str, in_turn: bool) -> None:  # noqa: FBT001 - drawn
        circuit, before, owed = self.circuit, self.running_in_this_spell, self.owed
        alone = self.breaker.limits.probes == 1
        yields = alone and bool(notification) and notification == self.breaker.failed_probe
        self.breaker, permit = admit(self.breaker, self.now, notification=notification, in_turn=in_turn)
        if permit is not None and permit.generation != self.breaker.generation:
            self.owed_probes += 1
        if permit is not None:
            self.running.append(permit)
        match circuit:
            case CircuitState.CLOSED:
                assert permit is not None
            case CircuitState.OPEN:
                assert (permit is not None) == (in_turn and owed)
            case CircuitState.HALF_OPEN:
                free = len(before) + self.breaker.passed < self.breaker.limits.probes
                assert (permit is not None) == (free or (in_turn and owed)) or (yields and permit is None)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), result=st.sampled_from(Result), spread=st.floats(0, 0.999))
    def a_call_ends(self, data: st.DataObject, result: Result, spread: float) -> None:
        permit = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        before, circuit = self.breaker, self.circuit
        self.breaker = report(self.breaker, permit, result, self.now, spread=spread)
        if permit.generation != before.generation:
            answers = permit.probe and result is Result.SUCCESS and circuit is not CircuitState.CLOSED
            assert self.breaker == before or answers
            assert not answers or self.circuit is CircuitState.CLOSED
            self.failing = [] if answers else self.failing
            self.owed_probes = 0 if answers else self.owed_probes
            return
        if result is Result.SUCCESS:
            self.failing = []
        new = not permit.notification or permit.notification not in self.failing
        if result is Result.FAILURE and new:
            self.failing.append(permit.notification)
        opens = result is Result.REFUSAL or (
            result is Result.FAILURE
            and (
                (circuit is CircuitState.HALF_OPEN and not before.passed)
                or (
                    circuit is CircuitState.CLOSED
                    and new
                    and len(self.failing) >= failures_to_open(self._recent(before), self._threshold)
                )
            )
        )
        assert (self.circuit is CircuitState.OPEN) == opens
        if self.breaker.generation != before.generation:
            self.owed_probes = 0
            mixed = circuit is CircuitState.HALF_OPEN and result is Result.FAILURE and not opens
            self.failing = [permit.notification] if mixed else []

    @property
    def _threshold(self) -> int:
        return self.breaker.limits.failure_threshold

    def _recent(self, breaker: Breaker) -> list[Recent]:
        start = self.now - timedelta(seconds=breaker.limits.window_seconds)
        return [each for each in breaker.recent if each.at > start]

    @rule(seconds=st.sampled_from([0.5, 1.0, 29.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def probes_are_the_running_ones_and_bounded(self) -> None:
        if self.breaker.opened_at is None:
            assert (self.breaker.probing, self.breaker.passed) == (0, 0)
        else:
            assert self.breaker.probing == len(self.running_in_this_spell)
            assert self.breaker.probing + self.breaker.passed <= self.breaker.limits.probes

    @invariant()
    def fewer_probes_are_owed_than_are_made(self) -> None:
        left = 0 if self.breaker.owed is None else self.breaker.owed.probes
        assert left + self.owed_probes < self.breaker.limits.probes or not (left + self.owed_probes)

    @invariant()
    def window_is_bounded_and_open_times_are_within_the_settings(self) -> None:
        assert len(self.breaker.recent) <= MOST_RESULTS
        limits = self.breaker.limits
        if self.breaker.opened_at is not None:
            first = limits.initial_open_seconds or limits.open_seconds
            assert min(first, limits.open_seconds) <= self.breaker.open_for <= limits.open_seconds

    @invariant()
    def allowance_limits_a_destination_that_is_not_well(self) -> None:
        if self.breaker.opened_at is not None:
            assert self.breaker.allowance == self.breaker.limits.probes
        assert self.breaker.allowance is None or self.breaker.allowance >= 1

    def teardown(self) -> None:
        """A recovered destination is detected with the next probes."""
        if not hasattr(self, "breaker"):
            return
        for permit in self.running:
            self.breaker = report(self.breaker, permit, Result.NEITHER, self.now)
        self.now += timedelta(seconds=self.breaker.limits.open_seconds)
        for _ in range(self.breaker.limits.probes):
            self.breaker, permit_now = admit(self.breaker, self.now)
            assert permit_now is not None
            self.breaker = report(self.breaker, permit_now, Result.SUCCESS, self.now)
        assert self.circuit is CircuitState.CLOSED


TestCalls = Calls.TestCase

RESULTS = st.sampled_from([Result.SUCCESS, Result.FAILURE])


def called(breaker: Breaker, notification: str, result: Result, now: datetime) -> Breaker:
    breaker, permit = admit(breaker, now, notification=notification)
    return breaker if permit is None else report(breaker, permit, result, now)


@given(st.lists(RESULTS, max_size=60), st.integers(2, 5))
def test_one_notification_alone_never_opens_a_breaker(results: list[Result], threshold: int) -> None:
    breaker = Breaker(limits=Limits(failure_threshold=threshold))
    for number, result in enumerate(results):
        breaker = called(breaker, "poisonous", result, at(number / 10))
        assert breaker.opened_at is None


@given(st.lists(st.booleans(), max_size=80))
def test_poisonous_notification_among_good_ones_never_opens_a_breaker(poisonous: list[bool]) -> None:
    breaker = Breaker(limits=Limits(failure_threshold=2))
    for number, bad in enumerate(poisonous):
        name, result = ("bad", Result.FAILURE) if bad else (f"good-{number}", Result.SUCCESS)
        breaker = called(breaker, name, result, at(number / 10))
        assert breaker.opened_at is None


@given(st.integers(1, 12), st.floats(0, 0.999))
def test_open_times_double_up_to_the_longest_while_nothing_is_answered(openings: int, spread: float) -> None:
    limits = Limits(failure_threshold=1, open_seconds=30, initial_open_seconds=1, probes=1)
    breaker, now = Breaker(limits=limits), START
    for opening in range(openings):
        breaker, permit = admit(breaker, now, notification=f"uid-{opening}")
        assert permit is not None
        breaker = report(breaker, permit, Result.FAILURE, now, spread=spread)
        assert breaker.open_for == min(2.0**opening * (1 + SPREAD * spread), 30)
        assert breaker.probe_at is not None
        now = breaker.probe_at


@given(st.integers(1, 40))
def test_allowance_of_a_recovered_destination_grows_by_one_per_success(successes: int) -> None:
    limits = Limits(failure_threshold=1, open_seconds=1, probes=1)
    breaker = called(Breaker(limits=limits), "a", Result.FAILURE, at(0))
    for number in range(successes):
        breaker = called(breaker, f"uid-{number}", Result.SUCCESS, at(1))
    assert breaker.allowance == successes
