"""The table of a run, for the terminal and for the page: each figure with its bar. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.results import COLUMNS, NOTES
from tests.bench.scenarios import BURST, SCENARIOS, TITLES

if TYPE_CHECKING:
    from tests.bench.results import Figures, Result

BARS = {scenario.name: scenario.bars for scenario in SCENARIOS}
HEAD = ("scenario", *(column.title for column in COLUMNS.values()), "and")
ONLY_WITH_BAR = {"most", "seconds", "failed", "lists", "server"}
"""Notes that say little more than the columns do."""


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """Return a row for each result, with the limits in parentheses; a figure beyond its limit is bold."""
    return [
        (
            TITLES[result.scenario],
            *(_cell(figures, result, name) for name in COLUMNS),
            "; ".join(_cell(figures, result, name) for name in NOTES if _is_shown(result, name)),
        )
        for result in figures.results
    ]


def markdown(figures: Figures) -> str:
    """Return the table in Markdown; the figures are right-aligned."""
    marks = ("---", *["--:"] * len(COLUMNS), "---")
    return "\n".join("| " + " | ".join(row) + " |" for row in (HEAD, marks, *rows(figures)))


def missed(figures: Figures) -> list[str]:
    """Return the figures beyond their bars, such as `burst-1000 rate`."""
    results = [(result, name) for result in figures.results for name in COLUMNS | NOTES]
    return [f"{result.scenario} {name}" for result, name in results if not _holds(figures, result, name)]


def _cell(figures: Figures, result: Result, name: str) -> str:
    column = (COLUMNS | NOTES)[name]
    text = f"{column.value(result):g}"
    if name in NOTES:
        text = f"{column.title} {text}{column.unit}"
    limit = _limit(figures, result, name)
    if limit is None:
        return text
    shown = text if _holds(figures, result, name) else f"**{text}**"
    return f"{shown} ({BARS[result.scenario][name].sign} {limit:g})"


def _holds(figures: Figures, result: Result, name: str) -> bool:
    value, limit = (COLUMNS | NOTES)[name].value(result), _limit(figures, result, name)
    return value is None or limit is None or BARS[result.scenario][name].holds(value, limit)


def _limit(figures: Figures, result: Result, name: str) -> float | None:
    """Return the limit; None without a bar, or if the burst that it is relative to was not measured."""
    bar, column = BARS[result.scenario].get(name), (COLUMNS | NOTES)[name]
    if bar is None:
        return None
    if not bar.times:
        return bar.limit
    burst = next((column.value(one) for one in figures.results if one.scenario == BURST), None)
    return burst and round(burst * bar.limit, column.digits)


def _is_shown(result: Result, name: str) -> bool:
    has_bar = name in BARS[result.scenario]
    return NOTES[name].value(result) is not None and (has_bar or name not in ONLY_WITH_BAR)
