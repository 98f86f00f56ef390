"""The plots of docs/performance.md: SVG files that depend on the figures only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench import reference
from tests.bench.controllers import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.bench.figures import Figures, Result

    Read = Callable[[Result], float]

COLOURS = {Kind.OURS: "#2563eb", Kind.NAIVE: "#d97706", Kind.PROTOTYPE: "#10b981"}
GO = "#6b7280"
LABELS = {Kind.OURS: "this operator", Kind.NAIVE: "naive controller", Kind.PROTOTYPE: "prototype"}
SIZE = (7.5, 3.2)
LEGEND: dict[str, Any] = {
    "frameon": False,
    "loc": "upper center",
    "bbox_to_anchor": (0.5, -0.1),
    "ncols": 3,
}
"""Below the plot, where no bar is."""
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "notification-platform",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Readable on a dark page too.
    "figure.facecolor": "white",
}
BURSTS = ("burst-200", "burst-1000", "burst-10000", "http-200", "http-1000", "http-10000")
PACES = ("paced-5", "paced-50")


def draw(figures: Figures, folder: Path) -> list[Path]:
    """Write every plot that has figures, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = {"rate": _rate, "latency": _latency, "calls": _calls, "cpu": _cpu, "memory": _memory}
    files = []
    with mpl.rc_context(STYLE):
        for name, plot in plots.items():
            figure = Figure(figsize=SIZE, layout="constrained")
            if plot(figures, figure.subplots()):
                file = folder / f"bench-{name}.svg"
                figure.savefig(file, metadata={"Date": None, "Creator": None})
                files.append(file)
    return files


def _rate(figures: Figures, axes: Axes) -> bool:
    values = {kind: _measured(figures, BURSTS, kind, lambda one: one.main.rate) for kind in COLOURS}
    axes.set_title("notifications per second, in a burst")
    low, high = reference.AS_SHIPPED[0], reference.TUNED[1]
    axes.axhspan(low, high, color=GO, alpha=0.25, lw=0, label="Go controller, shipped to tuned, 1,000")
    return _bars(axes, BURSTS, values)


def _latency(figures: Figures, axes: Axes) -> bool:
    values = {kind: _measured(figures, PACES, kind, lambda one: one.main.latency_ms.p50) for kind in COLOURS}
    tails = {kind: _measured(figures, PACES, kind, lambda one: one.main.latency_ms.p99) for kind in COLOURS}
    axes.set_title("milliseconds from creation to the final phase: p50, and p99 as the line above")
    low, high = reference.PACED_P50_MS
    axes.axhspan(low, high, color=GO, alpha=0.25, lw=0, label="Go controller's p50, 5 per second")
    return _bars(axes, PACES, values, tails)


def _calls(figures: Figures, axes: Axes) -> bool:
    names = ("burst-1000", "http-1000", "retry", "down")
    values = {kind: _measured(figures, names, kind, lambda one: one.calls_each) for kind in COLOURS}
    axes.set_title("API calls per notification")
    axes.axhline(reference.CALLS_EACH, color=GO, ls="--", label="Go controller, burst")
    return _bars(axes, names, values)


def _cpu(figures: Figures, axes: Axes) -> bool:
    names, parts = BURSTS[:3], ("controller", "API server", "etcd")
    kinds = {part: _measured(figures, names, Kind.OURS, _share(part)) for part in parts}
    floor = dict.fromkeys(names, 0.0)
    for part, shade in zip(parts, ("#1e40af", "#2563eb", "#93c5fd"), strict=True):
        shown = [name for name in names if name in kinds[part]]
        axes.bar(
            shown, [kinds[part][name] for name in shown], 0.5, [floor[name] for name in shown],
            color=shade, label=part,
        )  # fmt: skip
        floor |= {name: floor[name] + kinds[part][name] for name in shown}
    axes.set_title("this operator: milliseconds of CPU per notification")
    axes.legend(**LEGEND)
    return bool(kinds["controller"])


def _memory(figures: Figures, axes: Axes) -> bool:
    names = ("burst-1000", "burst-10000", "in-flight", "restart")
    idle = _measured(figures, names, Kind.OURS, lambda one: one.idle_mb)
    peak = _measured(figures, names, Kind.OURS, lambda one: one.peak_mb)
    shown = [name for name in names if name in idle]
    axes.bar(shown, [peak[name] for name in shown], 0.5, color="#93c5fd", label="peak")
    axes.bar(shown, [idle[name] for name in shown], 0.5, color="#2563eb", label="idle before the load")
    axes.axhline(reference.PEAK_MB, color=GO, ls="--", label="Go controller's peak, burst of 1,000")
    axes.set_title("this operator: resident memory, MB")
    axes.legend(**LEGEND)
    return bool(shown)


def _share(part: str) -> Read:
    return lambda one: one.cpu_seconds[part] / one.main.count * 1000


def _measured(figures: Figures, names: Sequence[str], kind: Kind, read: Read) -> dict[str, float]:
    results = {name: figures.of(name, kind) for name in names}
    return {name: read(result) for name, result in results.items() if result is not None}


def _bars(
    axes: Axes,
    names: Sequence[str],
    values: Mapping[Kind, Mapping[str, float]],
    tails: Mapping[Kind, Mapping[str, float]] | None = None,
) -> bool:
    """Draw groups of bars, one bar per controller, each with its figure."""
    shown = [name for name in names if any(name in of_kind for of_kind in values.values())]
    width = 0.8 / len(COLOURS)
    for place, kind in enumerate(COLOURS):
        mine = [
            (number, values[kind][name], name) for number, name in enumerate(shown) if name in values[kind]
        ]
        at = [number + (place - (len(COLOURS) - 1) / 2) * width for number, _, _ in mine]
        drawn = axes.bar(
            at, [value for _, value, _ in mine], width * 0.95, color=COLOURS[kind], label=LABELS[kind]
        )
        axes.bar_label(drawn, fmt="%.3g", fontsize=7)
        if tails:
            axes.vlines(
                at, [value for _, value, _ in mine], [tails[kind][name] for _, _, name in mine], color="black"
            )
    axes.set_xticks(range(len(shown)), shown)
    axes.legend(**LEGEND)
    return bool(shown)
