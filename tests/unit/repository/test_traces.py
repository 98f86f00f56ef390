"""The traces in the documentation are what the simulation generates from their choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer

from tests.runner import simulate, traces
from tests.unit.process_log import restored_log
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DECISION = (ROOT / "docs" / "decisions" / "DD-PERF-001.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "contributing" / "race-condition.md").read_text("utf-8")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    with restored_log():
        simulate.quiet()
        yield


@pytest.mark.parametrize("file", traces.DOCUMENTS, ids=lambda file: file.stem)
def test_every_documented_trace_is_true(file: Path) -> None:
    text = file.read_text("utf-8")
    assert traces.document(text) == text, "run `python -m tests.runner.traces --write`"


def test_decision_shows_each_fault_and_each_trace_ends_with_its_violation() -> None:
    documented = traces.traces(DECISION)
    assert {fault for fault, _ in documented} == set(simulate.FAULTS)
    for fault, choices in documented:
        _, violation = simulate.FAULTS[fault]
        *_, last = simulate.replay(choices, fault)
        assert f"VIOLATION: {violation}" in last or last.endswith(violation)


def test_page_shows_the_operator_in_the_same_schedule() -> None:
    (faulty,) = (choices for fault, choices in traces.traces(PAGE) if fault)
    (correct,) = (choices for fault, choices in traces.traces(PAGE) if not fault)
    assert faulty == correct


@pytest.mark.parametrize(("fault", "choices"), traces.traces(DECISION + PAGE))
def test_operator_violates_nothing_on_documented_choices(fault: str, choices: bytes) -> None:
    assert not any("VIOLATION" in line for line in simulate.replay(choices, None)), fault


def test_untrue_trace_is_noticed_and_renewed() -> None:
    ((fault, choices), *_) = traces.traces(DECISION)
    command = f"python -m tests.runner.simulate --inject {fault} --choices {choices.hex()}"
    untrue = f"```text\n$ {command}\n0.000 invented\n```\n"
    renewed = traces.document(f"before\n{untrue}after\n")
    assert renewed.startswith("before\n```text\n$ ")
    assert renewed.endswith("\n```\nafter\n")
    assert "invented" not in renewed
    assert "VIOLATION" in renewed


def test_choices_that_show_nothing_are_recognized() -> None:
    ((fault, choices), *_) = traces.traces(DECISION)
    assert traces.shows(choices, fault)
    assert not traces.shows(b"", fault)


def test_invalid_choices_are_named() -> None:
    with pytest.raises(typer.BadParameter, match="not hexadecimal: zz"):
        simulate.main(choices="zz")


def test_unknown_fault_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        typer.BadParameter, match="unknown fault: none; known: cached-reads, piecemeal-writes"
    ):
        simulate.main(inject="none", schedules=1)
