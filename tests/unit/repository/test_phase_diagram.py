"""The phase diagram contains exactly the transitions of the operator's table."""

from __future__ import annotations

import re

from notification_contract.kinds.choices import Phase
from notification_domain.status import MOVES
from tools.generate.documentation import phase_diagram


def test_diagram_has_one_arrow_per_transition() -> None:
    arrows = set(re.findall(r"(\w+) --> (\w+)", phase_diagram()))
    assert arrows == {(before.value, after.value) for before, phases in MOVES.items() for after in phases}


def test_diagram_starts_at_first_phase_and_ends_at_final_phases() -> None:
    lines = phase_diagram({phase: frozenset() for phase in Phase} | {Phase.PENDING: frozenset({Phase.SENT})})
    assert "[*] --> Pending\n" in lines
    assert "Sent --> [*]" in lines
    assert "Pending --> [*]" not in lines
