"""The picture of the phase machine is the machine's own table."""

from __future__ import annotations

import re

import pytest

from notification_operator.domain.model import Phase
from notification_operator.domain.phases import MOVES
from tools import phase_diagram
from tools.doc_block import renewed


def test_the_document_holds_what_the_table_generates() -> None:
    text = phase_diagram.DOCUMENT.read_text("utf-8")
    assert phase_diagram.document(text) == text, "run `python -m tools.phase_diagram --write`"


def test_the_diagram_has_an_arrow_for_each_move_and_no_other() -> None:
    arrows = set(re.findall(r"(\w+) --> (\w+)", phase_diagram.diagram()))
    assert arrows == {(before.value, after.value) for before, moves in MOVES.items() for after in moves}


def test_a_life_begins_with_the_first_phase_and_ends_where_no_move_leads_on() -> None:
    drawn = phase_diagram.diagram(
        {phase: frozenset() for phase in Phase} | {Phase.PENDING: frozenset({Phase.SENT})}
    )
    assert "[*] --> Pending\n" in drawn
    assert "Sent --> [*]" in drawn
    assert "Pending --> [*]" not in drawn


def test_a_block_is_renewed_as_a_whole_and_what_stands_around_it_stays() -> None:
    text = "before\n<!-- begin x -->\nold\nlines\n<!-- end x -->\nafter\n"
    assert renewed(text, "x", r"new \1") == "before\n<!-- begin x -->\n\nnew \\1\n\n<!-- end x -->\nafter\n"


def test_a_document_that_lost_its_markers_is_named() -> None:
    with pytest.raises(ValueError, match="one block 'x'"):
        renewed("nothing here", "x", "new")
