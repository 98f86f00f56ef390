"""The results of a run, as a JSON file from which tables and plots are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tests.bench.arithmetic import Latency, Pauses
from tests.bench.scenarios import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path


class Kept(BaseModel):
    """Immutable; unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Group(Kept):
    """The notifications of one load."""

    count: int
    seconds: float
    """From the first creation to the last final phase."""
    rate: float
    """Final notifications per second."""
    latency_ms: Latency
    phases: Mapping[str, int]


class Sink(Kept):
    """The requests at the receiver, compared with the statuses."""

    requests: int
    recorded: int
    """Attempts in the statuses."""
    differing: int
    """Notifications whose requests and recorded attempts differ in number."""
    after_success: int
    """Requests about notifications that were accepted before."""


class Result(Kept):
    """One scenario with one controller."""

    scenario: str
    controller: str
    main: Group
    concurrent: Group | None
    calls: Mapping[str, int]
    calls_each: float
    """API calls per notification, of all loads."""
    conflicts: int
    cpu_seconds: Mapping[str, float]
    """By process: controller, API server, etcd, sink, load generator."""
    idle_mb: float
    """Resident before the load; if there are finished notifications, with those."""
    peak_mb: float
    """Resident at most since the start of the process."""
    after_mb: float
    """Resident a few seconds after the last final phase."""
    sink: Sink | None
    pauses: tuple[Pauses, ...]
    first_after_start: float | None = None
    """Seconds from the start of the process to the first final phase, if the load existed before."""


class Machine(Kept):
    """The machine of a run."""

    processors: int
    model: str
    memory_gb: float
    system: str
    python: str
    kubernetes: str


class Figures(Kept):
    """A run of the bench."""

    at: datetime
    commit: str
    machine: Machine
    results: tuple[Result, ...]

    def of(self, scenario: str, controller: str) -> Result | None:
        """Return one result, or None if it was not measured."""
        result = (one for one in self.results if (one.scenario, one.controller) == (scenario, controller))
        return next(result, None)


def load(file: Path) -> Figures:
    """Read what `save` wrote.

    Raises:
        OSError, pydantic.ValidationError: the file is missing or invalid.
    """
    return Figures.model_validate_json(file.read_bytes())


def together(runs: Sequence[Figures]) -> Figures:
    """Merge the results of several runs, in the order of the scenarios; the last of several results counts.

    Raises:
        ValueError: they are of different machines.
    """
    if len({run.machine.model_dump_json() for run in runs}) != 1:
        raise ValueError("runs on different machines are no single set of figures")
    order = [scenario.name for scenario in SCENARIOS]
    results = {(one.scenario, one.controller): one for run in runs for one in run.results}
    ordered = sorted(results.values(), key=lambda one: order.index(one.scenario))
    commits = ", ".join(dict.fromkeys(run.commit for run in runs))
    return runs[-1].model_copy(update={"results": tuple(ordered), "commit": commits})


def middle(results: Iterable[Result]) -> tuple[Result, ...]:
    """Return one result per scenario and controller: of several rounds the one with the median rate."""
    rounds: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        rounds.setdefault((one.scenario, one.controller), []).append(one)
    return tuple(
        sorted(result, key=lambda one: one.main.rate)[(len(result) - 1) // 2] for result in rounds.values()
    )


def save(figures: Figures, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(figures.model_dump_json(indent=1) + "\n", "utf-8")
