"""The figures of a run as tables, for the terminal and for the page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.bars import verdicts
from tests.bench.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.figures import Figures, Group, Result

TITLES = {scenario.name: scenario.title for scenario in SCENARIOS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return Markdown; all columns except the first two are right-aligned."""
        marks = ["---" if number < 2 else "--:" for number in range(len(self.head))]
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.head, marks, *self.rows))


def bars(figures: Figures) -> Table:
    """Return the bars and the measured values."""
    rows = [
        (one.measure, one.bar, one.measured, "yes" if one.holds else "**no**") for one in verdicts(figures)
    ]
    return Table(head=("measure", "bar", "measured", "reached"), rows=rows)


def speed(figures: Figures) -> Table:
    """Return throughput and latency of each controller."""
    head = (
        "scenario",
        "controller",
        "per second",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "API calls each",
        "conflicts",
    )
    rows = []
    for result in figures.results:
        rows.append((*_names(result), *_pace(result.main), f"{result.calls_each:g}", str(result.conflicts)))
        if result.concurrent:
            rows.append(("the concurrent console ones", result.controller, *_pace(result.concurrent), "", ""))
    return Table(head=head, rows=rows)


def cost(figures: Figures) -> Table:
    """Return CPU time and memory."""
    used = ("controller", "API server", "etcd", "sink", "load generator")
    head = ("scenario", "controller", *(f"{name} CPU s" for name in used), "idle MB", "peak MB", "after MB")
    rows = [
        (
            *_names(result),
            *(f"{result.cpu_seconds[name]:.2f}" if name in result.cpu_seconds else "" for name in used),
            *(f"{size:.0f}" for size in (result.idle_mb, result.peak_mb, result.after_mb)),
        )
        for result in figures.results
    ]
    return Table(head=head, rows=rows)


def calls(figures: Figures) -> Table:
    """Return the API calls per notification by verb."""
    verbs = sorted({verb for result in figures.results for verb in result.calls})
    rows = []
    for result in figures.results:
        created = result.main.count + (result.concurrent.count if result.concurrent else 0)
        rows.append((*_names(result), *(_each(result.calls.get(verb, 0), created) for verb in verbs)))
    return Table(head=("scenario", "controller", *(f"`{verb}`" for verb in verbs)), rows=rows)


def sinks(figures: Figures) -> Table:
    """Return requests at the sink compared with the record, and the retry delays."""
    head = ("scenario", "controller", "requests", "recorded", "notifications that differ", "after success")
    rows = []
    for result in figures.results:
        if result.sink:
            seen = result.sink
            counts = (seen.requests, seen.recorded, seen.differing, seen.after_success)
            rows.append((*_names(result), *map(str, counts), _pauses(result)))
    return Table(head=(*head, "delays: planned, measured"), rows=rows)


def _names(result: Result) -> tuple[str, str]:
    return TITLES.get(result.scenario, result.scenario), result.controller


def _pace(group: Group) -> tuple[str, ...]:
    latency = group.latency_ms
    return (f"{group.rate:g}", *(f"{each:g}" for each in (latency.p50, latency.p95, latency.p99)))


def _each(count: int, notifications: int) -> str:
    return f"{count / notifications:.3g}"


def _pauses(result: Result) -> str:
    texts = [f"{one.nominal:g} s: {one.shortest:g} to {one.longest:g} s" for one in result.pauses]
    early, late = sum(one.early for one in result.pauses), sum(one.late for one in result.pauses)
    return "; ".join([*texts, f"{early} too short, {late} too long"]) if texts else ""
