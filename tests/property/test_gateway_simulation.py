"""Two replicas of the gateway whose network loses anything: whatever is lost or killed, no message is told twice or lost."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import cases
from tests.simulation.gateway.injected_faults import FAULTS
from tests.simulation.gateway.schedule import CHOICES_LENGTH, SOURCES, run_schedule, schedule_of

SHARES = 4
SCHEDULES = cases(200) // SHARES
MOST = 60
"""Schedules in which an injected fault must be found."""


def test_undisturbed_messages_are_each_told_once() -> None:
    outcome = run_schedule(b"")
    assert not outcome.violation
    stored = [line.split()[4] for line in outcome.trace if "API server: stores" in line]
    assert len(set(stored)) == len(stored) == outcome.writes
    assert {key.partition(".")[0] for key in stored} == set(SOURCES)


@pytest.mark.parametrize("share", range(SHARES))
def test_seeded_schedules_tell_every_message_once(share: int) -> None:
    for seed in range(share * SCHEDULES, (share + 1) * SCHEDULES):
        outcome = run_schedule(schedule_of(seed))
        assert not outcome.violation, f"seed {seed}\n" + "\n".join(outcome.trace)


@settings(max_examples=cases(40), suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=CHOICES_LENGTH // 2, max_size=CHOICES_LENGTH // 2))
def test_searched_schedules_tell_every_message_once(data: bytes) -> None:
    outcome = run_schedule(data)
    assert not outcome.violation, "\n".join(outcome.trace)


@pytest.mark.parametrize("fault", FAULTS)
def test_injected_fault_of_the_gateway_is_found(fault: str) -> None:
    store, violation = FAULTS[fault]
    outcomes = (run_schedule(schedule_of(seed), store) for seed in range(MOST))
    assert any(violation in outcome.violation for outcome in outcomes)
