"""The phase machine as a Mermaid diagram, from the table of transitions that the operator uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_contract.kinds.choices import Phase
from notification_operator.domain.folding.phases import MOVES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_OR_END = "[*]"


def diagram(transitions: Mapping[Phase, frozenset[Phase]] = MOVES) -> str:
    """Return the diagram in Markdown, with the phases in order of declaration."""
    lines = (f"    {line}" for line in _lines(transitions))
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _lines(transitions: Mapping[Phase, frozenset[Phase]]) -> Iterator[str]:
    first, *_ = Phase
    yield f"{START_OR_END} --> {first}"
    for before in Phase:
        for after in Phase:
            if after in transitions[before]:
                yield f"{before} --> {after}"
        if not transitions[before]:
            yield f"{before} --> {START_OR_END}"
