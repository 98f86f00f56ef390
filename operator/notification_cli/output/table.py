"""A table that is written while its rows arrive; columns that do not fit a narrow terminal are left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from notification_cli.views.format import Form, Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notification_cli.output.screen import Screen, Span

GAP: Final = "   "
LEAST_LAST: Final = 12
"""Characters that the last column has at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; those of the highest rank are left out first, those of rank 0 never."""

    title: str
    rank: int = 0
    is_wide: bool = False
    """Whether only `-o wide` shows it."""


class Table:
    """Writes batches of rows; the first batch decides the columns and their least width.

    Args:
        screen: where to.
        columns: all of them; a row has a cell for each.
        output: whether titles are written, and all columns whole.
    """

    def __init__(self, screen: Screen, columns: Sequence[Column], output: Output = Output.TABLE) -> None:
        self._screen = screen if output.form is Form.TABLE else screen.unbounded()
        self._columns, self._output = columns, output
        self._widths = [len(column.title) if output.headers else 0 for column in columns]
        self._shown: list[int] | None = None

    def write(self, rows: Iterable[Sequence[Span | str]]) -> None:
        """Write rows, and the titles before the first ones."""
        batch = [[(cell, "") if isinstance(cell, str) else cell for cell in row] for row in rows]
        for row in batch:
            self._widths = [max(width, len(text)) for width, (text, _) in zip(self._widths, row, strict=True)]
        if self._shown is None:
            self._shown = self._fitting()
            if self._output.headers:
                self._line([(column.title, "bold") for column in self._columns])
        for row in batch:
            self._line(row)
        self._screen.flush()

    def _fitting(self) -> list[int]:
        wide = not self._output.is_wide
        shown = [index for index, column in enumerate(self._columns) if not (column.is_wide and wide)]
        while self._screen.width and self._needed(shown) > self._screen.width:
            optional = [index for index in shown if self._columns[index].rank]
            if not optional:
                break
            shown.remove(max(optional, key=lambda index: (self._columns[index].rank, index)))
        return shown

    def _needed(self, shown: Sequence[int]) -> int:
        *fixed, last = shown
        widths = [self._widths[index] for index in fixed] + [min(self._widths[last], LEAST_LAST)]
        return sum(widths) + len(GAP) * (len(widths) - 1)

    def _line(self, row: Sequence[Span]) -> None:
        shown = self._shown or []
        spans: list[Span] = []
        for index, following in zip_longest(shown, shown[1:]):
            text, style = row[index]
            spans.append((text, style))
            if following is not None:
                spans.append((" " * (self._widths[index] - len(text)) + GAP, ""))
        self._screen.line(*spans)
