"""A thousand receivers that a console notification does not use: API calls, CPU and memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.bench.calls import calls
from tests.bench.generator import Batch
from tests.bench.receivers.figures import Chart, Kind, Row, Series, at_most
from tests.bench.receivers.measured import Measured
from tests.bench.receivers.objects import MIX, TEAMS, mix, team
from tests.bench.receivers.stage import SETTLE_SECONDS, Stage, stage
from tests.bench.scenarios import Load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.place import Place

COUNT: Final = 1_000
MANY: Final = 4_000
"""So many receivers take several times what the memory of a process varies by."""
BURST: Final = Load(count=1_000)
BURSTS: Final = 3
"""In a row; the middle one counts."""
WARM: Final = 1_000
"""The number of the first notification of a burst: those before are of the warm-up."""
IDLE_SECONDS: Final = 125.0
"""Within this time the API server ends every watch once, and the operator begins it again."""
KILOBYTE: Final = 1024.0
SETTINGS: Final = {"receiversNamespaced": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Which receivers exist."""

    name: str
    receivers: int
    own_secrets: bool = False
    """Whether each receiver has a Secret of its own; otherwise those of a type share one."""
    compared: bool = False
    """Whether the CPU is compared; otherwise there is one burst, and the memory after it counts."""


NONE: Final = State(name="no receivers", receivers=0, compared=True)
FEW: Final = State(name="one of each type", receivers=len(MIX))
SHARED: Final = State(name="4,000 that share 8 Secrets", receivers=MANY)
OWN: Final = State(name="1,000 with a Secret each", receivers=COUNT, own_secrets=True, compared=True)
STATES: Final = (NONE, FEW, SHARED, OWN)


@dataclass(slots=True, kw_only=True)
class Readings:
    """The figures of one state, one of each round."""

    idle_mb: list[float] = field(default_factory=list)
    """After the start."""
    used_mb: list[float] = field(default_factory=list)
    """After a burst."""
    cpu_ms: list[float] = field(default_factory=list)
    """Per notification."""
    calls: dict[str, int] = field(default_factory=dict)
    notifications: int = 0
    """Those that the calls are of."""
    idle_cpu: float = 0.0
    """CPU seconds per minute without notifications, in the first round."""


async def measure(place: Place, rounds: int) -> Measured:
    """Measure the states alternately; every other round begins with the last one."""
    readings = {state.name: Readings() for state in STATES}
    async with stage(place, SETTINGS, teams=TEAMS) as on:
        for number in range(rounds):
            for state in STATES if number % 2 == 0 else reversed(STATES):
                await _measure(on, state, readings[state.name], idle=number == 0 and state.compared)
    return evaluate(readings)


async def _measure(on: Stage, state: State, readings: Readings, *, idle: bool) -> None:
    objects = list(mix(on.home, state.receivers, own_secrets=state.own_secrets))
    # Receivers refer to Secrets that exist from the start.
    await on.create(obj for obj in objects if obj["kind"] == "Secret")
    await on.create(obj for obj in objects if obj["kind"] != "Secret")
    await on.start()
    readings.idle_mb.append(on.megabytes)
    if idle:
        before = on.used
        await asyncio.sleep(IDLE_SECONDS)
        readings.idle_cpu = (on.used - before) / IDLE_SECONDS * 60
    await on.warm_up()
    used = [await _burst(on, readings, number) for number in range(BURSTS if state.compared else 1)]
    readings.cpu_ms.append(median(used))
    await on.stop()
    await on.empty()
    await on.remove_receivers([on.home, *(team(on.home, each) for each in range(TEAMS))])


async def _burst(on: Stage, readings: Readings, number: int) -> float:
    """Return the milliseconds of CPU per notification."""
    since, batch = datetime.now(UTC), Batch(load=BURST, first=WARM + number * BURST.count)
    used = await on.deliver(batch)
    await asyncio.sleep(SETTLE_SECONDS)
    if number == 0:
        readings.used_mb.append(on.megabytes)
    counted = calls(on.place.control_plane.audit, on.measured.account, (on.namespace,), since)
    readings.notifications += BURST.count
    for verb, count in counted.by_verb.items():
        readings.calls[verb] = readings.calls.get(verb, 0) + count
    return used / BURST.count * 1000


def evaluate(readings: Mapping[str, Readings]) -> Measured:
    """Return the rows and charts."""
    none, few, shared, own = (readings[state.name] for state in STATES)
    each = {verb: round(count / own.notifications, 2) for verb, count in own.calls.items()}
    changes = [loaded / bare for loaded, bare in zip(own.cpu_ms, none.cpu_ms, strict=True)]
    fixed = median(few.used_mb) - median(none.used_mb)
    rows = (
        at_most(
            "1,000 receivers loaded: API calls for a quick console notification",
            2,
            round(sum(each.values()), 2),
            "",
            note=", ".join(f"{count:g} `{verb}`" for verb, count in each.items()),
        ),
        at_most(
            "the same: CPU of the operator per notification, against 0 receivers",
            10,
            round((median(changes) - 1) * 100, 1),
            " %",
            note=f"{median(own.cpu_ms):.2f} and {median(none.cpu_ms):.2f} ms; rounds {_percent(changes)}",
        ),
        _memory(few, shared),
        _memory_of_secrets(few, shared, own),
        Row(
            measure="memory of the first receivers: the libraries of their channels",
            measured=f"{fixed:.1f} MB",
        ),
        Row(
            measure="resident memory after a burst: 0 receivers, 4,000 that share Secrets, 1,000 with a Secret each",
            measured=", ".join(f"{median(one.used_mb):.0f}" for one in (none, shared, own)) + " MB",
        ),
        Row(
            measure="CPU without notifications: 0 receivers, 1,000 with a Secret each",
            measured=f"{none.idle_cpu:.2f} and {own.idle_cpu:.2f} s per minute",
        ),
    )
    return Measured(rows=rows, charts=_charts(readings))


def _memory(few: Readings, shared: Readings) -> Row:
    """Return the memory of a receiver, from two processes that have delivered the same notifications.

    Right after the start there is also garbage of the requests about each receiver, which the next notifications use.
    """
    after, idle = (
        _kilobytes(few_mb, shared_mb, MANY - len(MIX))
        for few_mb, shared_mb in ((few.used_mb, shared.used_mb), (few.idle_mb, shared.idle_mb))
    )
    return at_most(
        "memory per receiver, after a burst", 2, round(after, 2), " KB", note=f"{idle:.1f} KB after the start"
    )


def _memory_of_secrets(few: Readings, shared: Readings, own: Readings) -> Row:
    of_receiver = _kilobytes(few.used_mb, shared.used_mb, MANY - len(MIX))
    together = _kilobytes(few.used_mb, own.used_mb, COUNT - len(MIX))
    measured = f"{together - of_receiver:.0f} KB: a watch, which takes a connection"
    return Row(measure="memory per Secret that is followed", measured=measured)


def _kilobytes(less: Sequence[float], more: Sequence[float], count: int) -> float:
    """Return how much memory one of some objects takes."""
    return (median(more) - median(less)) * KILOBYTE / count


def _percent(changes: Sequence[float]) -> str:
    return ", ".join(f"{(change - 1) * 100:+.1f}" for change in changes) + " %"


def _charts(readings: Mapping[str, Readings]) -> dict[str, Chart]:
    return {
        "loaded-cpu": _by_round(
            "milliseconds of CPU of the operator per console notification",
            "ms",
            [(state.name, readings[state.name].cpu_ms) for state in STATES if state.compared],
        ),
        "loaded-memory": _by_round(
            "resident memory of the operator, after a burst",
            "MB",
            [(state.name, readings[state.name].used_mb) for state in STATES],
        ),
    }


def _by_round(title: str, unit: str, values: Sequence[tuple[str, Sequence[float]]]) -> Chart:
    return Chart(
        title=title,
        x="round",
        y=unit,
        kind=Kind.BARS,
        series=[Series(label=label, points=numbered(seen)) for label, seen in values],
    )


def numbered(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return values with their numbers, from 1."""
    return [(number, round(value, 3)) for number, value in enumerate(values, start=1)]
