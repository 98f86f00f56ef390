"""A circuit breaker among calls that overlap, fail, succeed and are cancelled, in any order."""

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notification_operator.domain.breaker import Admission, Breaker, Circuit, Limits, Result, admit, report
from tests.unit.operator.domain.builders import START

LIMITS = st.builds(
    Limits,
    failure_threshold=st.integers(1, 4),
    open_seconds=st.sampled_from([1.0, 30.0]),
    probes=st.integers(1, 3),
)


class Calls(RuleBasedStateMachine):
    """Calls to one destination, which the test records on its own."""

    breaker: Breaker
    running: list[Admission]
    failures: int
    """Failures since the last success or change of state, of calls that began since that change."""

    @initialize(limits=LIMITS)
    def create(self, limits: Limits) -> None:
        self.breaker = Breaker(limits=limits)
        self.running = []
        self.failures = 0
        self.now = START

    @property
    def circuit(self) -> Circuit:
        return self.breaker.circuit(self.now)

    @property
    def running_in_this_spell(self) -> list[Admission]:
        return [permit for permit in self.running if permit.generation == self.breaker.generation]

    @rule()
    def a_call_is_admitted_or_rejected(self) -> None:
        circuit, before = self.circuit, self.running_in_this_spell
        self.breaker, permit = admit(self.breaker, self.now)
        if permit is not None:
            self.running.append(permit)
        match circuit:
            case Circuit.CLOSED:
                assert permit is not None
            case Circuit.OPEN:
                assert permit is None
            case Circuit.HALF_OPEN:
                free = len(before) + self.breaker.passed < self.breaker.limits.probes
                assert (permit is not None) == free

    @precondition(lambda self: self.running)
    @rule(data=st.data(), result=st.sampled_from(Result))
    def a_call_ends(self, data: st.DataObject, result: Result) -> None:
        permit = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        before, circuit = self.breaker, self.circuit
        self.breaker = report(self.breaker, permit, result, self.now)
        if permit.generation != before.generation:
            assert self.breaker == before
            return
        self.failures = {Result.SUCCESS: 0, Result.FAILURE: self.failures + 1}.get(result, self.failures)
        opens = result is Result.FAILURE and (
            circuit is Circuit.HALF_OPEN or self.failures >= before.limits.failure_threshold
        )
        assert (self.circuit is Circuit.OPEN) == opens
        if self.breaker.generation != before.generation:
            self.failures = 0

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
        assert self.circuit is Circuit.CLOSED


TestCalls = Calls.TestCase
