"""Update docs/contributing/performance.md, its plots and its figures.

`python -m tests.bench.page [build/bench/FILE.json …]` adds the results of these files to the committed figures.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench.results import COLUMNS, load, merge, save
from tests.bench.table import markdown
from tools.generate.artifacts import replace_block
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tests.bench.results import Figures, Sample

DOCUMENT = ROOT / "docs" / "contributing" / "performance.md"
FIGURES = ROOT / "docs" / "contributing" / "performance.json"
IMAGES = ROOT / "docs" / "images"
BY = "by make generate"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "notification-platform",
    "svg.fonttype": "none",
    "font.size": 9,
    # Readable on a dark page too.
    "figure.facecolor": "white",
}
COLOURS = ("#2563eb", "#93c5fd")


class Plot(NamedTuple):
    """Groups of bars, one group for each scenario, one bar for each column, by its label."""

    name: str
    title: str
    scenarios: tuple[str, ...]
    columns: dict[str, str]


BURSTS = ("burst-1000", "burst-10000", "http-1000")
LOADS = ("burst-1000", "burst-10000", "in-flight", "restart")
PLOTS = (
    Plot("cpu", "milliseconds of CPU per notification", BURSTS, {"operator": "cpu", "API server": "api"}),
    Plot("memory", "resident memory of the operator, MB", LOADS, {"idle before": "idle", "peak": "peak"}),
)


TENANT = "tenant"
"""The plot of what one scenario shows over time, once it is measured."""
LINES = {
    "seconds to the final phase, the longest": "latency",
    "gap of the event loop in the last minute, s": "gap",
    "memory of the pod at most so far, MB": "pod_mb",
}
"""One above the other: what is shown, by its label."""


def document(text: str, figures: Figures) -> str:
    """Return the page with the table of these figures."""
    text = replace_block(text, f"run, {BY}", _run(figures))
    text = replace_block(text, f"table, {BY}", markdown(figures))
    plot = f"![While a tenant sends the most expensive notifications](../images/bench-{TENANT}.svg)"
    return replace_block(text, f"tenant, {BY}", plot if _samples(figures) else "")


def _run(figures: Figures) -> str:
    commits = dict.fromkeys(f"{one.at:%Y-%m-%d} at commit `{one.commit}`" for one in figures.results)
    shared = "API server, etcd, operator, sink and load generator share the machine."
    return f"Measured on {', and on '.join(commits)}: {figures.machine}. {shared}"


def draw(figures: Figures, folder: Path) -> list[Path]:
    """Write the plots, which depend on the figures only, and return the files."""
    files = [folder / f"bench-{plot.name}.svg" for plot in PLOTS]
    with mpl.rc_context(STYLE):
        for plot, file in zip(PLOTS, files, strict=True):
            figure = Figure(figsize=(7.5, 3.2), layout="constrained")
            _bars(plot, figures, figure.subplots())
            _save(figure, file)
        if samples := _samples(figures):
            figure = Figure(figsize=(7.5, 6), layout="constrained")
            _lines(samples, figure.subplots(len(LINES), sharex=True))
            files.append(folder / f"bench-{TENANT}.svg")
            _save(figure, files[-1])
    return files


def _save(figure: Figure, file: Path) -> None:
    figure.savefig(file, metadata={"Date": None, "Creator": None})


def _samples(figures: Figures) -> tuple[Sample, ...]:
    found = (one.observed for one in figures.results if one.scenario == TENANT)
    return next((observed.samples for observed in found if observed), ())


def _lines(samples: tuple[Sample, ...], rows: Sequence[Axes]) -> None:
    times = [sample.at for sample in samples]
    for (label, name), axes in zip(LINES.items(), rows, strict=True):
        axes.plot(times, [getattr(sample, name) for sample in samples], color=COLOURS[0])
        axes.set_title(label)
        axes.set_ylim(bottom=0)
    rows[-1].set_xlabel("seconds since the first notification")


def _bars(plot: Plot, figures: Figures, axes: Axes) -> None:
    width = 0.8 / len(plot.columns)
    measured = {one.scenario: one for one in figures.results if one.scenario in plot.scenarios}
    for number, (label, column) in enumerate(plot.columns.items()):
        shift = (number - (len(plot.columns) - 1) / 2) * width
        heights = [COLUMNS[column].value(one) or 0.0 for one in measured.values()]
        places = [place + shift for place in range(len(measured))]
        bars = axes.bar(places, heights, width * 0.95, color=COLOURS[number], label=label)
        axes.bar_label(bars, fmt="%.3g", fontsize=7)
    axes.set_title(plot.title)
    axes.set_xticks(range(len(measured)), list(measured))
    # Below the plot, where no bar is.
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)


def main(arguments: list[str]) -> int:
    figures = merge([load(file) for file in (FIGURES, *map(Path, arguments))])
    save(figures, FIGURES)
    draw(figures, IMAGES)
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8"), figures), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
