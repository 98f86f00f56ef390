"""The figures of receivers, as a JSON file from which the table, CSV files and plots are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tests.bench.figures import Kept, Machine
from tests.bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HEAD = ("measure", "bar", "measured", "reached")


class Row(Kept):
    """One measure. Without a bar it is a figure that explains the others."""

    measure: str
    measured: str
    bar: str = ""
    holds: bool | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The cells of the table."""
        reached = "" if self.holds is None else "yes" if self.holds else "**no**"
        return self.measure, self.bar, self.measured, reached


def at_most(measure: str, limit: float, seen: float, unit: str, *, note: str = "") -> Row:
    """Return a measure with an upper bar; the note explains the figure."""
    measured = f"{seen:g}{unit}{f', {note}' if note else ''}"
    return Row(measure=measure, bar=f"≤ {limit:g}{unit}", measured=measured, holds=seen <= limit)


class Kind(StrEnum):
    """How a series is drawn."""

    LINES = "lines"
    STEPS = "steps"
    BARS = "bars"


class Series(Kept):
    """Points with a name."""

    label: str
    points: Sequence[tuple[float, float]]


class Chart(Kept):
    """What a scenario shows over time, or by round."""

    title: str
    x: str
    y: str
    kind: Kind
    series: Sequence[Series]
    marks: Mapping[str, float] = {}
    """Moments that vertical lines show."""


class Outcome(Kept):
    """One scenario."""

    scenario: str
    title: str
    at: datetime
    commit: str
    load_before: float
    """The load of the machine before the scenario: the average of a minute."""
    seconds: float
    rows: Sequence[Row]
    charts: Mapping[str, Chart]
    """By the name of the file."""

    @property
    def holds(self) -> bool:
        """Whether every bar is reached."""
        return all(row.holds is not False for row in self.rows)


class ReceiverFigures(Kept):
    """Scenarios that were measured on one machine."""

    machine: Machine
    outcomes: Sequence[Outcome]


def load(file: Path) -> ReceiverFigures:
    """Read what `save` wrote.

    Raises:
        OSError, pydantic.ValidationError: the file is missing or invalid.
    """
    return ReceiverFigures.model_validate_json(file.read_bytes())


def save(figures: ReceiverFigures, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(figures.model_dump_json(indent=1) + "\n", "utf-8")


def together(runs: Sequence[ReceiverFigures], order: Sequence[str]) -> ReceiverFigures:
    """Merge runs, in the order of the scenarios; the last of several outcomes counts.

    Raises:
        ValueError: they are of different machines.
    """
    if len({run.machine.model_dump_json() for run in runs}) != 1:
        raise ValueError("runs on different machines are no single set of figures")
    outcomes = {one.scenario: one for run in runs for one in run.outcomes}
    ordered = sorted(outcomes.values(), key=lambda one: order.index(one.scenario))
    return ReceiverFigures(machine=runs[-1].machine, outcomes=ordered)


def table(outcomes: Iterable[Outcome]) -> Table:
    """Return the rows of some scenarios."""
    return Table(head=HEAD, rows=[row.cells for one in outcomes for row in one.rows])


def runs(outcomes: Iterable[Outcome]) -> Table:
    """Return when and under which load the scenarios were measured."""
    rows = [
        (
            one.title,
            f"`{one.commit}`",
            f"{one.at:%Y-%m-%d %H:%M}",
            f"{one.seconds:.0f} s",
            f"{one.load_before:.1f}",
        )
        for one in outcomes
    ]
    return Table(head=("scenario", "commit", "at", "took", "load of the machine before"), rows=rows)
