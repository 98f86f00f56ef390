"""The charts of receivers as CSV and SVG files, which depend on the figures only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench.plots import LEGEND, SIZE, STYLE
from tests.bench.receivers.figures import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.bench.receivers.figures import Chart, Outcome

COLOURS: Final = ("#2563eb", "#d97706", "#10b981", "#6b7280")
PREFIX: Final = "bench-receivers-"
WIDTH: Final = 0.8
"""Of a group of bars."""


def draw(outcomes: Iterable[Outcome], folder: Path) -> list[Path]:
    """Write an SVG file for each chart, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, chart in _charts(outcomes):
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=SIZE, layout="constrained")
            _draw(chart, figure.subplots())
            file = folder / f"{PREFIX}{name}.svg"
            figure.savefig(file, metadata={"Date": None, "Creator": None})
        files.append(file)
    return files


def write_csv(outcomes: Iterable[Outcome], folder: Path) -> list[Path]:
    """Write a CSV file for each chart, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, chart in _charts(outcomes):
        file = folder / f"{PREFIX}{name}.csv"
        file.write_text(csv(chart), "utf-8")
        files.append(file)
    return files


def csv(chart: Chart) -> str:
    """Return a chart as CSV."""
    rows = [f'"{series.label}",{x:g},{y:g}' for series in chart.series for x, y in series.points]
    rows += [f'"mark: {label}",{x:g},' for label, x in chart.marks.items()]
    return "\n".join([f'series,"{chart.x}","{chart.y}"', *rows, ""])


def _charts(outcomes: Iterable[Outcome]) -> Iterable[tuple[str, Chart]]:
    return [(name, chart) for one in outcomes for name, chart in one.charts.items()]


def _draw(chart: Chart, axes: Axes) -> None:
    if chart.kind is Kind.BARS:
        _bars(chart, axes)
    else:
        for series, colour in zip(chart.series, COLOURS, strict=False):
            style = "steps-post" if chart.kind is Kind.STEPS else "default"
            axes.plot(*zip(*series.points, strict=True), color=colour, drawstyle=style, label=series.label)
    for label, x in chart.marks.items():
        axes.axvline(x, color=COLOURS[-1], ls="--", lw=0.8)
        axes.annotate(
            label, (x, 1), xycoords=("data", "axes fraction"), rotation=90, va="top", ha="right", fontsize=7
        )
    axes.set_title(chart.title)
    axes.set(xlabel=chart.x, ylabel=chart.y, ylim=(0, None))
    axes.legend(**{**LEGEND, "bbox_to_anchor": (0.5, -0.2)})


def _bars(chart: Chart, axes: Axes) -> None:
    width = WIDTH / len(chart.series)
    for place, (series, colour) in enumerate(zip(chart.series, COLOURS, strict=False)):
        at = [x + (place - (len(chart.series) - 1) / 2) * width for x, _ in series.points]
        drawn = axes.bar(at, [y for _, y in series.points], width * 0.95, color=colour, label=series.label)
        axes.bar_label(drawn, fmt="%.3g", fontsize=7)
    axes.set_xticks(sorted({x for series in chart.series for x, _ in series.points}))
