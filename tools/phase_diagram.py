"""Draw the phase machine as Mermaid text, from the table that the operator itself goes by.

Run `python -m tools.phase_diagram` to see it, and with `--write` to renew docs/notificationrequest.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from notification_operator.domain.model import Phase
from notification_operator.domain.phases import MOVES
from tools.doc_block import renewed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "notificationrequest.md"
BLOCK = "phases, by python -m tools.phase_diagram --write"
START_OR_END = "[*]"


def diagram(moves: Mapping[Phase, frozenset[Phase]] = MOVES) -> str:
    """Return the Markdown of the diagram; phases stand in the order of their declaration."""
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in _lines(moves)), "```"])


def document(text: str) -> str:
    """Return the document's text with the diagram as it is generated now."""
    return renewed(text, BLOCK, diagram())


def _lines(moves: Mapping[Phase, frozenset[Phase]]) -> Iterator[str]:
    first, *_ = Phase
    yield f"{START_OR_END} --> {first}"
    for before in Phase:
        for after in Phase:
            if after in moves[before]:
                yield f"{before} --> {after}"
        if not moves[before]:
            yield f"{before} --> {START_OR_END}"


def main(arguments: list[str]) -> None:
    """Print the diagram, or write it into the document."""
    if arguments == ["--write"]:
        DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
    else:
        print(diagram())


if __name__ == "__main__":
    main(sys.argv[1:])
