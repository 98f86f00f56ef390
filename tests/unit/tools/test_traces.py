"""The stories that the documentation prints are what the simulation tells of their tapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer

from tests.runner import simulate, traces
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DECISION = (ROOT / "docs" / "decisions" / "DD-PERF-001.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "race-condition.md").read_text("utf-8")


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> None:
    simulate.quiet()


@pytest.mark.parametrize("file", traces.DOCUMENTS, ids=lambda file: file.stem)
def test_every_story_is_told_as_it_happens(file: Path) -> None:
    text = file.read_text("utf-8")
    assert traces.document(text) == text, "run `python -m tests.runner.traces --write`"


def test_the_decision_tells_of_each_mistake_and_each_story_ends_with_its_broken_promise() -> None:
    told = traces.traces(DECISION)
    assert {sabotage for sabotage, _ in told} == set(simulate.SABOTAGE)
    for sabotage, tape in told:
        _, promise = simulate.SABOTAGE[sabotage]
        *_, last = simulate.replay(tape, sabotage)
        assert f"BROKEN: {promise}" in last or last.endswith(promise)


def test_the_page_tells_what_the_operator_does_in_the_same_schedule() -> None:
    (mistaken,) = (tape for sabotage, tape in traces.traces(PAGE) if sabotage)
    (right,) = (tape for sabotage, tape in traces.traces(PAGE) if not sabotage)
    assert mistaken == right


@pytest.mark.parametrize(("sabotage", "tape"), traces.traces(DECISION + PAGE))
def test_the_operator_as_it_is_keeps_every_promise_on_each_tape(sabotage: str, tape: bytes) -> None:
    assert not any("BROKEN" in line for line in simulate.replay(tape, None)), sabotage


def test_a_story_that_is_not_true_any_more_is_noticed_and_renewed() -> None:
    ((sabotage, tape), *_) = traces.traces(DECISION)
    spoilt = f"```text\n$ python -m tests.runner.simulate --sabotage {sabotage} --tape {tape.hex()}\n0.000 made up\n```\n"
    renewed = traces.document(f"before\n{spoilt}after\n")
    assert renewed.startswith("before\n```text\n$ ")
    assert renewed.endswith("\n```\nafter\n")
    assert "made up" not in renewed
    assert "BROKEN" in renewed


def test_a_tape_that_shows_nothing_is_told_from_one_that_shows_it() -> None:
    ((sabotage, tape), *_) = traces.traces(DECISION)
    assert traces.breaks(tape, sabotage)
    assert not traces.breaks(b"", sabotage)


def test_a_tape_that_is_no_tape_is_named() -> None:
    with pytest.raises(typer.BadParameter, match="not hexadecimal: zz"):
        simulate.main(tape="zz")


def test_a_mistake_that_nobody_made_is_named_with_those_that_are_known() -> None:
    with pytest.raises(typer.BadParameter, match="unknown: none; there are cached-reads, piecemeal-writes"):
        simulate.main(sabotage="none", schedules=1)
