"""Compares the operators of two commits, round by round on one API server. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.place import Side
from tests.bench.results import COLUMNS
from tests.bench.scenarios import TITLES, Bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.results import Result

DIFFERENCES = {"idle", "peak", "after"}
"""Compared by their difference; all other columns by their ratio."""
BARS = {"rate": Bar(0.98, at_least=True), "p50": Bar(1.03), "idle": Bar(1.0)}
"""For the median change."""
HEAD = ("scenario", "measure", "base", "ours", "median change", "range", "rounds", "bar", "reached")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One column of one scenario over all rounds; `changes` are ratios or differences of pairs."""

    scenario: str
    column: str
    base: Sequence[float]
    ours: Sequence[float]

    @property
    def changes(self) -> list[float]:
        differs = self.column in DIFFERENCES
        pairs = zip(self.base, self.ours, strict=True)
        return [after - before if differs else after / before for before, after in pairs]

    @property
    def holds(self) -> bool | None:
        """Whether the median change is within the bar; None without one."""
        bar, change = BARS.get(self.column), median(self.changes)
        return bar.holds(change, bar.limit) if bar else None

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        bar, changes, form = BARS.get(self.column), self.changes, self._text
        return (
            TITLES[self.scenario],
            COLUMNS[self.column].title,
            *(f"{round(median(values), 2):g}" for values in (self.base, self.ours)),
            form(median(changes)),
            f"{form(min(changes))} … {form(max(changes))}",
            str(len(changes)),
            f"{bar.sign} {form(bar.limit)}" if bar else "",
            {True: "yes", False: "**no**", None: ""}[self.holds],
        )

    def _text(self, change: float) -> str:
        return f"{change:+.1f}" if self.column in DIFFERENCES else f"{change:.3f}"


def comparisons(rounds: Sequence[Result | None]) -> list[Comparison]:
    """Return every column of every scenario, without the rounds in which a measurement failed.

    `rounds` are pairs of one scenario, each with both commits in any order.
    """
    measured: dict[str, dict[str, list[Result]]] = {}
    for pair in zip(rounds[::2], rounds[1::2], strict=True):
        if None not in pair:
            for one in filter(None, pair):
                measured.setdefault(one.scenario, {}).setdefault(one.side, []).append(one)
    return [
        Comparison(
            scenario=scenario,
            column=name,
            base=[column.read(one) or 0.0 for one in of[Side.BASE]],
            ours=[column.read(one) or 0.0 for one in of[Side.OURS]],
        )
        for scenario, of in measured.items()
        for name, column in COLUMNS.items()
    ]
