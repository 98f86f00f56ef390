"""The whole operator in a simulated cluster: whatever is interleaved, lost or killed, the invariants hold."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import cases
from tests.simulation.injected_faults import CachedStore, PiecemealStore
from tests.simulation.invariants import Invariants
from tests.simulation.schedule import run_schedule
from tests.simulation.search import CHOICES_LENGTH, choices, find, shortest, trace
from tests.simulation.violations import InvariantViolation

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


def test_violation_at_the_end_is_the_last_line_of_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_invariants: Invariants, _notifications: object) -> None:
        raise InvariantViolation("a never ends")

    monkeypatch.setattr(Invariants, "end", end)
    outcome = run_schedule(b"")
    assert outcome.violation == "a never ends"
    assert outcome.trace[-1].endswith("VIOLATION: a never ends")


@pytest.mark.parametrize("share", range(SHARES))
def test_seeded_schedules_keep_every_invariant(share: int) -> None:
    seed = find(range(share * SCHEDULES, (share + 1) * SCHEDULES))
    if seed is not None:
        outcome = trace(shortest(choices(seed)))
        pytest.fail(f"seed {seed}: {outcome.violation}\n" + "\n".join(outcome.trace))


@pytest.mark.parametrize("seed", FOUND)
def test_schedule_that_violated_an_invariant_keeps_it_now(seed: int) -> None:
    outcome = run_schedule(choices(seed))
    assert not outcome.violation, "\n".join(outcome.trace)


@settings(max_examples=cases(100), suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=CHOICES_LENGTH // 2, max_size=CHOICES_LENGTH // 2))
def test_searched_schedules_keep_every_invariant(data: bytes) -> None:
    outcome = run_schedule(data)
    assert not outcome.violation, "\n".join(outcome.trace)


def test_same_choices_give_the_same_trace() -> None:
    assert run_schedule(choices(7)).trace == run_schedule(choices(7)).trace


def test_unavoidable_loss_is_counted_also_after_a_rejected_attempt() -> None:
    outcome = run_schedule(OVERTAKEN)
    assert not outcome.violation
    assert outcome.overtaken == 1
    assert any(line.endswith("operator 3: calls uid-3:slack:3") for line in outcome.trace)


def test_recorded_rejection_is_replaced_by_the_call_under_its_number() -> None:
    outcome = run_schedule(REPLACED)
    assert not outcome.violation
    assert not outcome.overtaken


def test_cached_reads_deliver_after_a_success() -> None:
    seed = find(range(2000), violation="is called after", store=CachedStore)
    assert seed is not None


def test_piecemeal_writes_lose_an_attempt() -> None:
    seed = find(range(2000), violation="a recorded attempt is lost", store=PiecemealStore)
    assert seed is not None


def test_shrunk_choices_end_with_the_same_violation() -> None:
    seed = find(range(2000), violation="a recorded attempt is lost", store=PiecemealStore)
    assert seed is not None
    short = shortest(choices(seed), violation="a recorded attempt is lost", store=PiecemealStore)
    outcome = run_schedule(short, PiecemealStore)
    assert "a recorded attempt is lost" in outcome.violation
    assert len(short) == outcome.choices < CHOICES_LENGTH


def test_schedule_ends_with_its_first_violation() -> None:
    seed = find(range(2000), violation="is called after", store=CachedStore)
    assert seed is not None
    outcome = run_schedule(choices(seed), CachedStore)
    line = next(line for line in outcome.trace if "VIOLATION" in line)
    assert line.endswith(outcome.violation)
    assert float(line.split()[0]) == pytest.approx(outcome.seconds, abs=0.001)


def test_time_limit_ends_a_schedule_early() -> None:
    whole, part = run_schedule(choices(7)), run_schedule(choices(7), time_limit=5.0)
    assert part.seconds == pytest.approx(5.0)
    ended = next(index for index, line in enumerate(whole.trace) if float(line.split()[0]) > part.seconds)
    assert part.trace[:ended] == whole.trace[:ended]
