"""The Markdown that messages are written in: CommonMark with tables and strikethrough, without HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SHOWN: Final = 32 * 1024
"""Characters of a body that chat services can show at all, in all parts together."""
MAX_MARKDOWN: Final = 16 * 1024
"""Characters that are read as Markdown; a longer body is shown as it is written."""
MAX_RENDERED: Final = 4 * MAX_SHOWN
"""Characters that Markdown may become; what would be longer is shown as it is written."""
MAX_CELLS: Final = 2000
"""Cells of all tables: the parser completes each row to the columns of the head, so a few characters become many cells."""
MAX_SCANS: Final = 10_000
"""Lines that the parser may read to find the ends of quotes: behind each line without a mark it reads the quote again."""
MAX_MARKS: Final = 4000
"""Characters that may have a meaning: the parser reads from an opening bracket to the end, in each of 20 nestings."""
MARKS: Final = "*_`~[]!<>&\\|#+-\r\n"
LINE_BREAK: Final = re.compile(r"\r\n?|\n")
CONTAINERS: Final = " \t>-+*0123456789.)"
"""What the marks of quotes and list items consist of."""
DELIMITERS: Final = "-:| \t"
"""What the line below the head of a table consists of."""
ADDRESS: Final = re.compile(r"(https?://[\w\-./?=&%#:+,;@~]*[\w\-/=&%#+~])")
"""An address in a text, without the punctuation that follows it."""


class TooLongError(Exception):
    """Markdown would become more characters than are shown."""


def is_markdown(text: str) -> bool:
    """Return whether a text is read as Markdown: whether it is short, and no part of it takes long to render."""
    return (
        len(text) <= MAX_MARKDOWN
        and sum(map(text.count, MARKS)) <= MAX_MARKS
        and _cells(text) <= MAX_CELLS
        and _scans(text) <= MAX_SCANS
    )


def _cells(text: str) -> int:
    """Return how many cells the tables of a text have at most; no table extends beyond an empty line."""
    cells = 0
    for lines in _paragraphs(text, " \t>"):
        tails = [line[len(line.rstrip(DELIMITERS)) :] for line in lines]
        columns = max((tail.strip("| \t").count("|") + 1 for tail in tails if "-" in tail), default=0)
        if any("|" in line for line in lines):
            cells += columns * len(lines)
    return cells


def _scans(text: str) -> int:
    """Return how many lines the parser reads at most to find the ends of quotes; none extends beyond an empty line."""
    scans = 0
    for lines in _paragraphs(text, " \t"):
        quoted = sum(">" in line[: len(line) - len(line.lstrip(CONTAINERS))] for line in lines)
        if quoted:
            scans += (len(lines) - quoted + 1) * len(lines)
    return scans


def _paragraphs(text: str, blank: str) -> Iterator[list[str]]:
    """Yield the lines between those that consist of `blank` characters only."""
    lines: list[str] = []
    for line in LINE_BREAK.split(text):
        if line.strip(blank):
            lines.append(line)
        elif lines:
            yield lines
            lines = []
    if lines:
        yield lines


def is_link(url: str) -> bool:
    """Return whether an address is one that a message may link to."""
    try:
        return URL(url).scheme in {"http", "https", "mailto"}
    except ValueError:
        return False
