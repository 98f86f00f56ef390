"""Compares the operator with that of another commit, round by round on one API server."""

from __future__ import annotations

import compileall
import io
import itertools
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

from tests.bench.controllers import Kind
from tests.bench.tables import TITLES, Table
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.bench.figures import Result
    from tests.bench.scenarios import Scenario

    Value: TypeAlias = Callable[[Result], float]

KINDS = (Kind.BASE, Kind.OURS)


class UnknownCommitError(Exception):
    """A revision that the repository does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure that is compared, and the bar for the median over the rounds."""

    title: str
    value: Value
    unit: str
    bar: float
    at_least: bool = False
    difference: bool = False
    """Whether the bar is for the difference instead of the ratio."""

    def compare(self, ours: Result, base: Result) -> float:
        """Return ratio or difference of one round."""
        if self.difference:
            return self.value(ours) - self.value(base)
        return self.value(ours) / self.value(base)

    def holds(self, change: float) -> bool:
        """Tell whether a change is within the bar."""
        return change >= self.bar if self.at_least else change <= self.bar

    def text(self, change: float) -> str:
        """Return a change as it is printed."""
        return f"{change:+.1f}{self.unit}" if self.difference else f"{change:.3f}"


MEASURES = (
    Measure(title="throughput", value=lambda one: one.main.rate, unit="/s", bar=0.98, at_least=True),
    Measure(title="p50", value=lambda one: one.main.latency_ms.p50, unit=" ms", bar=1.03),
    Measure(title="idle memory", value=lambda one: one.idle_mb, unit=" MB", bar=1.0, difference=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure of one scenario over all rounds; `changes` are ratios or differences of pairs."""

    scenario: str
    measure: Measure
    ours: float
    base: float
    changes: Sequence[float]

    @property
    def holds(self) -> bool:
        """Whether the median change is within the bar."""
        return self.measure.holds(median(self.changes))

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        unit, text = self.measure.unit, self.measure.text
        sign = "≥" if self.measure.at_least else "≤"
        return (
            TITLES.get(self.scenario, self.scenario),
            self.measure.title,
            f"{self.base:g}{unit}",
            f"{self.ours:g}{unit}",
            text(median(self.changes)),
            f"{text(min(self.changes))} … {text(max(self.changes))}",
            str(len(self.changes)),
            f"{sign} {text(self.measure.bar)}",
            "yes" if self.holds else "**no**",
        )


HEAD = ("scenario", "measure", "base", "ours", "median change", "range", "rounds", "bar", "reached")


def turns(scenarios: Iterable[Scenario], rounds: int) -> Iterator[tuple[Scenario, Kind]]:
    """Return the order of measurements; the commits alternate, and each round starts with the other one."""
    for scenario in scenarios:
        for number in range(rounds):
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                yield scenario, kind


def comparisons(results: Iterable[Result]) -> list[Comparison]:
    """Return every measure of every scenario; `results` come in the order of `turns`, complete rounds only."""
    compared: list[Comparison] = []
    for scenario, group in itertools.groupby(results, key=lambda one: one.scenario):
        rounds = list(group)
        ours = [one for one in rounds if one.controller == Kind.OURS]
        base = [one for one in rounds if one.controller == Kind.BASE]
        compared += [
            Comparison(
                scenario=scenario,
                measure=measure,
                ours=median(map(measure.value, ours)),
                base=median(map(measure.value, base)),
                changes=[measure.compare(one, other) for one, other in zip(ours, base, strict=True)],
            )
            for measure in MEASURES
        ]
    return compared


def complete(rounds: Sequence[Result | None]) -> list[Result]:
    """Return the results of the rounds in which neither measurement failed."""
    pairs = zip(rounds[::2], rounds[1::2], strict=True)
    return [one for first, second in pairs if first and second for one in (first, second)]


def table(compared: Iterable[Comparison]) -> Table:
    """Return the comparison as a table."""
    return Table(head=HEAD, rows=[one.row() for one in compared])


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Give a folder with the operator's source of a commit.

    Raises:
        UnknownCommitError: there is no such revision.
    """
    with tempfile.TemporaryDirectory(prefix="bench-base-") as folder:
        result = subprocess.run(
            ["git", "archive", "--format=tar", revision, "operator"],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if result.returncode:
            raise UnknownCommitError(f"no commit {revision}: {result.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
            archive.extractall(folder, filter="data")
        # A process that compiles its modules at its start uses more memory than one that does not.
        for sources in (Path(folder), ROOT):
            compileall.compile_dir(sources / "operator", quiet=2)
        yield Path(folder)
