"""The whole operator in a simulated cluster: whatever is interleaved, lost or killed, the invariants hold."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import cases, some
from tests.simulation.schedule import run_schedule
from tests.simulation.search import CHOICES_LENGTH, choices, find, shortest, trace

SHARES = 8
SCHEDULES = cases(2000) // SHARES

FOUND = (
    6004302,
    7020436,
    7023066,
    7052089,
    7077141,
    7079035,
    7085854,
    7096578,
    7126388,
    20002305,
    20012147,
    22016,
    41123,
    48141,
    85836,
    98649,
    155192,
)
"""Seeds of schedules that found a defect of the operator or of an invariant; they mean the same as long as choices do."""

OVERTAKEN = bytes.fromhex(
    "0000b600e8c4550000008200000000f000009700f000c60000000000a400670000000000000000d938000000000000000000000000dd"
    "00000000000000000000000000de00000000fd0041005d0000000000000000680000c2d300fed90000000000000000fb"
)
"""A success of a second process, which dies before it is written, and a late write of the first process."""

REPLACED = bytes.fromhex(
    "0000b600e8c4550000008200004900f0009a9700f000c60000000000a4000000ce000000000000d9380000000000000000000000b2dd"
    "00000000000000000000000000de00000000fd0041005da100002f0000000000000000000000fe000000000000000000000000000000"
    "0000000096"
)
"""A late write of a dead process records as rejected what its successor has called meanwhile."""

RESOLVED_FIRST = (
    bytes.fromhex(
        "a7b2c600000000b70000000000f60000000000bfd4787a00d2f80000000000000000cb0000000000000000000079000000000000"
        "000000da000000e6ed0000000000000000000000000000f4000000000000000000000000ce00e0f000000000000000d900d90000"
        "000000000000000000000000e6f1"
    )
    + bytes(322)
    + bytes.fromhex("eff281d3d90000000000000000000057ec95a3")
)
"""A Resolve is sent and final before the Trigger of the same second has been read, which goes to more targets."""


def test_undisturbed_notification_is_delivered_and_written_once() -> None:
    outcome = run_schedule(b"")
    assert not outcome.violation
    assert (outcome.reads, outcome.writes) == (1, 1)
    events = [line.lstrip().split("  ", 1)[1] for line in outcome.trace]
    assert [event for event in events if "operator 1: " in event][:3] == [
        "operator 1: starts",
        "operator 1: calls uid-1:console:1",
        "operator 1: writes a: Sent, console 1 success",
    ]


@pytest.mark.parametrize("share", some(range(SHARES)))
def test_seeded_schedules_keep_every_invariant(share: int) -> None:
    seed = find(range(share * SCHEDULES, (share + 1) * SCHEDULES))
    if seed is not None:
        outcome = trace(shortest(choices(seed)))
        pytest.fail(f"seed {seed}: {outcome.violation}\n" + "\n".join(outcome.trace))


@pytest.mark.parametrize("seed", some(FOUND))
def test_schedule_that_violated_an_invariant_keeps_it_now(seed: int) -> None:
    outcome = run_schedule(choices(seed))
    assert not outcome.violation, "\n".join(outcome.trace)


@settings(max_examples=cases(100), suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=CHOICES_LENGTH // 2, max_size=CHOICES_LENGTH // 2))
def test_searched_schedules_keep_every_invariant(data: bytes) -> None:
    outcome = run_schedule(data)
    assert not outcome.violation, "\n".join(outcome.trace)


def test_unavoidable_loss_is_counted_also_after_a_rejected_attempt() -> None:
    outcome = run_schedule(OVERTAKEN)
    assert not outcome.violation
    assert outcome.overtaken == 1
    assert any(line.endswith("operator 3: calls uid-3:slack:3") for line in outcome.trace)


def test_recorded_rejection_is_replaced_by_the_call_under_its_number() -> None:
    outcome = run_schedule(REPLACED)
    assert not outcome.violation
    assert not outcome.overtaken


def test_trigger_that_is_read_after_its_resolve_is_reported_nowhere() -> None:
    outcome = run_schedule(RESOLVED_FIRST)
    assert not outcome.violation, "\n".join(outcome.trace)
    assert any(line.endswith("writes d: Suppressed, no attempts") for line in outcome.trace)
