"""Draw the dashboard's panels from what they showed in a run: `python -m tools.dashboard_picture`.

The run is that of tests/stack/test_alerting.py, which keeps it in build/alert-run.json.
"""

from __future__ import annotations

import json
import re
import sys
from math import isnan
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

RUN = ROOT / "build" / "alert-run.json"
PICTURE = ROOT / "docs" / "images" / "dashboard.svg"
ACROSS, WIDTH, HEIGHT = 3, 4.2, 2.6
"""Panels side by side, and the inches of each."""
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "notification-platform",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "legend.fontsize": 7,
    "legend.frameon": False,
    # Readable where the page is dark, too.
    "figure.facecolor": "white",
}
UNITS = {"ops": "a second", "percentunit": "share", "s": "seconds", "bytes": "MiB", "short": ""}
MIB = 2**20
ALARM = "#dc2626"


def main() -> int:
    """Draw the picture; the exit code is 1 when there was no run."""
    if not RUN.exists():
        print(f"error: there is no {RUN}; `make stack-tests ARGS='-k alert'` makes it", file=sys.stderr)
        return 1
    draw(json.loads(RUN.read_text("utf-8")), PICTURE)
    print(PICTURE)
    return 0


def draw(run: Mapping[str, Any], file: Path) -> None:
    """Write the picture of a run."""
    panels = run["panels"]
    rows = -(-len(panels) // ACROSS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(ACROSS * WIDTH, rows * HEIGHT), layout="constrained")
        places = figure.subplots(rows, ACROSS, squeeze=False)
        start = _start(panels)
        for number, place in enumerate(places.flat):
            if number < len(panels):
                _panel(place, panels[number], start)
                _alarm(place, run["firing"], start)
            else:
                place.set_axis_off()
        figure.savefig(file, metadata={"Date": None, "Creator": None})


def legend(template: str, labels: Mapping[str, str]) -> str:
    """Return the name of a series, as Grafana makes it from the labels."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def _start(panels: Sequence[Mapping[str, Any]]) -> float:
    return min(
        float(series["values"][0][0])
        for panel in panels
        for curve in panel["curves"]
        for series in curve["series"]
    )


def _panel(place: Axes, panel: Mapping[str, Any], start: float) -> None:
    unit = panel["unit"]
    for curve in panel["curves"]:
        for series in curve["series"]:
            times = [float(at) - start for at, _ in series["values"]]
            values = [float(value) / (MIB if unit == "bytes" else 1) for _, value in series["values"]]
            if all(map(isnan, values)):
                continue
            place.plot(times, values, lw=1.2, label=legend(curve["legend"], series["metric"]))
    place.set_title(panel["title"], loc="left")
    place.set_ylabel(UNITS[unit])
    place.margins(x=0, y=0.1)
    place.set_ylim(bottom=0)
    place.legend(loc="upper left", bbox_to_anchor=(0, -0.12), ncols=3, borderpad=0, columnspacing=1)


def _alarm(place: Axes, firing: Sequence[Mapping[str, Any]], start: float) -> None:
    """Mark the time for which the first alert was firing."""
    for alert in firing:
        if alert["alert"] == "NotificationOperatorDeliveryFailureRateHigh":
            place.axvspan(
                min(alert["times"]) - start, max(alert["times"]) - start, color=ALARM, alpha=0.12, lw=0
            )


if __name__ == "__main__":
    sys.exit(main())
