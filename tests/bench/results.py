"""The figures of a run, as a JSON file, and the columns of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from notification_contract.kinds.choices import Phase
from tests.bench.scenarios import TITLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Kept(BaseModel):
    """Immutable; unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Wait(Kept):
    """For how many seconds the receiver took nothing, the calls per notification meanwhile, and the last end after that."""

    seconds: float
    calls_each: float
    last_end: float


class Sample(Kept):
    """A part of a load: seconds since its start, and the largest values since the sample before."""

    at: float
    latency: float
    """Seconds to the final phase, of the notifications that were created in this time."""
    gap: float
    """Seconds for which the event loop ran nothing else, in the minute before."""
    pod_mb: float
    """Memory of the operator's process and its child at most so far."""


class Observed(Kept):
    """What a load suffers from others: the largest values."""

    gap: float
    pod_mb: float
    page_mb: float
    """Size of /metrics."""
    page_seconds: float
    crowd: int
    """Objects that the others have created."""
    unrendered: float = 0
    """Texts that the render worker had no result for."""
    samples: tuple[Sample, ...] = ()


class Result(Kept):
    """One scenario with one operator."""

    scenario: str
    side: str
    """`ours` or `base`."""
    commit: str
    at: datetime
    count: int
    seconds: float
    """From the first creation to the last final phase."""
    p50_ms: float
    p99_ms: float
    phases: Mapping[str, int]
    calls: Mapping[str, int]
    """By verb and resource."""
    most_calls: int = 0
    """About one notification."""
    cpu_seconds: Mapping[str, float]
    """By process: operator, API server, etcd."""
    idle_mb: float
    """Resident before the load; if there are finished notifications, with those."""
    peak_mb: float
    """Resident at most since the start of the process."""
    after_mb: float
    """Resident a few seconds after the last final phase."""
    first_end: float | None = None
    """Seconds from the start of the process to the first final phase, if the load existed before."""
    wait: Wait | None = None
    observed: Observed | None = None
    listing_seconds: float | None = None
    """The API server's CPU time for one listing of an incident."""

    def each(self, number: float) -> float:
        return number / self.count

    @property
    def listings(self) -> int:
        return self.calls.get("list notificationrequests", 0)

    @property
    def listings_seconds(self) -> float | None:
        """The API server's CPU time for all listings."""
        return None if self.listing_seconds is None else self.listings * self.listing_seconds


class Figures(Kept):
    """A run of the bench."""

    machine: str
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of each result; None if a scenario has none."""

    title: str
    read: Callable[[Result], float | None]
    digits: int = 1
    unit: str = ""

    def value(self, result: Result) -> float | None:
        """Return the figure, rounded."""
        number = self.read(result)
        return None if number is None else round(number, self.digits)


def _observed(name: str) -> Callable[[Result], float | None]:
    return lambda one: None if one.observed is None else float(getattr(one.observed, name))


COLUMNS = {
    "rate": Column("per second", lambda one: one.count / (one.seconds - (one.first_end or 0.0))),
    "p50": Column("p50 ms", lambda one: one.p50_ms),
    "p99": Column("p99 ms", lambda one: one.p99_ms),
    "calls": Column("API calls each", lambda one: one.each(sum(one.calls.values())), 2),
    "cpu": Column("CPU ms each", lambda one: one.each(one.cpu_seconds["operator"] * 1000), 2),
    "api": Column("API server's CPU ms", lambda one: one.each(one.cpu_seconds["API server"] * 1000), 2),
    "idle": Column("idle MB", lambda one: one.idle_mb),
    "peak": Column("peak MB", lambda one: one.peak_mb),
    "after": Column("after MB", lambda one: one.after_mb),
}
NOTES = {
    "first": Column("first end after", lambda one: one.first_end, 2, " s"),
    "most": Column("at most", lambda one: one.most_calls, 0, " calls for one"),
    "seconds": Column("in all", lambda one: one.seconds, 1, " s"),
    "away": Column("away for", lambda one: one.wait.seconds if one.wait else None, 0, " s"),
    "meanwhile": Column("calls each meanwhile:", lambda one: one.wait.calls_each if one.wait else None, 2),
    "back": Column(
        "last end after its return:", lambda one: one.wait.last_end if one.wait else None, 1, " s"
    ),
    "gap": Column("largest gap of the event loop", _observed("gap"), 3, " s"),
    "pod": Column("pod at most", _observed("pod_mb"), 0, " MB"),
    "page": Column("/metrics", _observed("page_mb"), 2, " MB"),
    "scrape": Column("in", _observed("page_seconds"), 3, " s"),
    "failed": Column("not delivered", lambda one: one.count - one.phases.get(Phase.SENT, 0), 0),
    "lists": Column("listings", lambda one: one.listings, 0),
    "server": Column("API server for them", lambda one: one.listings_seconds, 1, " s of CPU"),
    "crowd": Column("objects of others", _observed("crowd"), 0),
    "unrendered": Column("not rendered", _observed("unrendered"), 0),
}
"""Columns that few scenarios have."""


def median_rounds(figures: Figures) -> Figures:
    """Keep one result of each scenario: of several rounds the one with the median duration."""
    rounds: dict[str, list[Result]] = {}
    for one in figures.results:
        rounds.setdefault(one.scenario, []).append(one)
    kept = [sorted(many, key=lambda one: one.seconds)[len(many) // 2] for many in rounds.values()]
    return Figures(machine=figures.machine, results=tuple(kept))


def merge(runs: Sequence[Figures]) -> Figures:
    """Merge the results of several runs, in the order of the scenarios; the last of several results counts."""
    if any(run.machine != runs[0].machine for run in runs):
        raise ValueError("runs on different machines are no single set of figures")
    results = {one.scenario: one for run in runs for one in median_rounds(run).results}
    ordered = tuple(results[name] for name in TITLES if name in results)
    return Figures(machine=runs[0].machine, results=ordered)


def load(file: Path) -> Figures:
    return Figures.model_validate_json(file.read_bytes())


def save(figures: Figures, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(figures.model_dump_json(indent=1, exclude_none=True) + "\n", "utf-8")
