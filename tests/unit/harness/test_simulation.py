"""The simulation itself: the same choices give the same schedule, and it finds what it is to find."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from notification_domain.incident import Incident, event_of
from notification_operator.controller import incidents
from notification_operator.controller.reconciliation import Reconciliation
from tests.simulation.injected_faults import CachedStore, PiecemealStore
from tests.simulation.invariants import Invariants
from tests.simulation.schedule import has_one_slot, run_schedule
from tests.simulation.search import CHOICES_LENGTH, choices, find, shortest, with_incidents
from tests.simulation.slots import ManyUsers, SlotSimulation
from tests.simulation.violations import InvariantViolation


def test_same_choices_give_the_same_trace() -> None:
    assert run_schedule(choices(7)).trace == run_schedule(choices(7)).trace


def test_violation_at_the_end_is_the_last_line_of_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_invariants: Invariants, _notifications: object) -> None:
        raise InvariantViolation("a never ends")

    monkeypatch.setattr(Invariants, "end", end)
    outcome = run_schedule(b"")
    assert outcome.violation == "a never ends"
    assert outcome.trace[-1].endswith("VIOLATION: a never ends")


def test_cached_reads_deliver_after_a_success() -> None:
    seed = find(range(2000), violation="is called after", store=CachedStore)
    assert seed is not None


def test_piecemeal_writes_lose_an_attempt() -> None:
    seed = find(range(2000), violation="a recorded attempt is lost", store=PiecemealStore)
    assert seed is not None


def test_trigger_after_its_resolve_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Incident, "_outdated", lambda *_event, **_late: None)
    assert find(with_incidents(100, 40), violation=", after its Resolve") is not None


def test_replay_that_outdates_a_resolve_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        incidents, "event_of", lambda *known, **more: replace(event_of(*known, **more), replay=False)
    )
    assert find(with_incidents(3_200, 60), violation="stays open: its Resolve is Suppressed") is not None


def test_schedules_with_incidents_are_found_by_their_seeds() -> None:
    seeds = with_incidents(100, 10)
    assert len(set(seeds)) == 10
    assert all("Trigger of" in "".join(run_schedule(choices(seed)).trace) for seed in seeds)


@pytest.mark.parametrize("violation", ["although the notification is deleted", "is called after 2026"])
def test_attempt_that_begins_after_the_end_of_its_notification_is_found(
    violation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Reconciliation, "may_call", lambda reconciliation, *_incident: reconciliation.permission
    )
    seeds = [seed for seed in range(650) if has_one_slot(choices(seed))]
    assert find(seeds, violation=violation) is not None


def test_attempt_that_begins_after_the_loss_of_its_lease_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    may_call = Reconciliation.may_call

    def without_permission(reconciliation: Reconciliation, *incident: Any) -> Callable[[], bool]:
        permission, reconciliation.permission = reconciliation.permission, lambda: True
        answer = may_call(reconciliation, *incident)
        reconciliation.permission = permission
        return answer

    monkeypatch.setattr(Reconciliation, "may_call", without_permission)
    # What is deleted or expires early waits for no slot any more.
    monkeypatch.delattr(ManyUsers, "_more_fields")
    monkeypatch.delattr(SlotSimulation, "_begin")
    seeds = [seed for seed in range(350, 650) if has_one_slot(choices(seed))]
    assert find(seeds, violation="has lost or releases its shard") is not None


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
