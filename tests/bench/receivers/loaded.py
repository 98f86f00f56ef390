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
    from collections.abc import Sequence

    from tests.bench.place import Place

COUNT: Final = 1_000
BURST: Final = Load(count=1_000)
IDLE_SECONDS: Final = 125.0
"""Within this time the API server ends every watch once, and the operator begins it again."""
KILOBYTE: Final = 1024.0
SETTINGS: Final = {"receiversNamespaced": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Which receivers exist."""

    name: str
    receivers: int
    secrets: int
    bursts: bool
    """Whether notifications are delivered, or only the memory is read."""


NONE: Final = State(name="no receivers", receivers=0, secrets=0, bursts=True)
FEW: Final = State(name="one of each type", receivers=len(MIX), secrets=len(MIX), bursts=False)
SHARED: Final = State(name="1,000 that share Secrets", receivers=COUNT, secrets=0, bursts=False)
OWN: Final = State(name="1,000 with a Secret each", receivers=COUNT, secrets=COUNT, bursts=True)
STATES: Final = (NONE, FEW, SHARED, OWN)


@dataclass(slots=True, kw_only=True)
class Readings:
    """The figures of one state, one of each round."""

    idle_mb: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    """Per notification of the burst."""
    p50_ms: list[float] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    watched: int = 0
    """Secrets that are followed."""
    idle_cpu: float = 0.0
    """CPU seconds per minute without notifications, in the first round."""


async def measure(place: Place, rounds: int) -> Measured:
    """Measure the states alternately; every other round begins with the last one."""
    readings = {state.name: Readings() for state in STATES}
    async with stage(place, SETTINGS, teams=TEAMS) as on:
        for number in range(rounds):
            for state in STATES if number % 2 == 0 else reversed(STATES):
                await _measure(on, state, readings[state.name], idle=number == 0 and state.bursts)
    return evaluate(readings)


async def _measure(on: Stage, state: State, readings: Readings, *, idle: bool) -> None:
    objects = list(mix(on.home, state.receivers, own_secrets=state.secrets > 0))
    readings.watched = len(objects) - state.receivers
    # Receivers refer to Secrets that exist from the start.
    await on.create(obj for obj in objects if obj["kind"] == "Secret")
    await on.create(obj for obj in objects if obj["kind"] != "Secret")
    await on.start()
    readings.idle_mb.append(on.megabytes)
    if idle:
        before = on.used
        await asyncio.sleep(IDLE_SECONDS)
        readings.idle_cpu = (on.used - before) / IDLE_SECONDS * 60
    if state.bursts:
        await on.warm_up()
        await _burst(on, readings)
    await on.stop()
    await on.empty()
    await on.remove_receivers([on.home, *(team(on.home, each) for each in range(TEAMS))])


async def _burst(on: Stage, readings: Readings) -> None:
    since, batch = datetime.now(UTC), Batch(load=BURST, first=WARM)
    readings.cpu_ms.append(await on.deliver(batch) / BURST.count * 1000)
    latencies = sorted(batch.latencies)
    readings.p50_ms.append(latencies[len(latencies) // 2] * 1000)
    await asyncio.sleep(SETTLE_SECONDS)
    counted = calls(on.place.control_plane.audit, on.measured.account, (on.namespace,), since)
    for verb, count in counted.by_verb.items():
        readings.calls[verb] = readings.calls.get(verb, 0) + count


WARM: Final = 1_000
"""The number of the first notification of a burst: those before are of the warm-up."""


def evaluate(readings: dict[str, Readings]) -> Measured:
    """Return the rows and charts."""
    none, few, shared, own = (readings[state.name] for state in STATES)
    delivered = BURST.count * len(own.cpu_ms)
    each = {verb: round(count / delivered, 2) for verb, count in own.calls.items()}
    changes = [loaded / bare for loaded, bare in zip(own.cpu_ms, none.cpu_ms, strict=True)]
    of_secret, of_receiver = _memory(few, shared, own)
    fixed = median(few.idle_mb) - median(none.idle_mb)
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
        at_most("memory per receiver", 2, round(of_receiver, 2), " KB"),
        Row(measure="memory per Secret that is followed", measured=f"{of_secret:.1f} KB"),
        Row(
            measure="memory of the first receivers: the libraries of the channels",
            measured=f"{fixed:.1f} MB",
        ),
        Row(
            measure="memory, idle: 0 receivers, 1,000 that share Secrets, 1,000 with a Secret each",
            measured=", ".join(f"{median(one.idle_mb):.1f}" for one in (none, shared, own)) + " MB",
        ),
        Row(
            measure="CPU without notifications: 0 receivers, 1,000 with a Secret each",
            measured=f"{none.idle_cpu:.2f} and {own.idle_cpu:.2f} s per minute",
        ),
    )
    return Measured(rows=rows, charts=_charts(readings))


def _memory(few: Readings, shared: Readings, own: Readings) -> tuple[float, float]:
    """Return the kilobytes of a Secret that is followed, and of a receiver."""
    most, some, least = (median(one.idle_mb) * KILOBYTE for one in (own, shared, few))
    of_secret = (most - some) / (own.watched - shared.watched)
    of_receiver = (some - least - (shared.watched - few.watched) * of_secret) / (
        SHARED.receivers - FEW.receivers
    )
    return of_secret, of_receiver


def _percent(changes: Sequence[float]) -> str:
    return ", ".join(f"{(change - 1) * 100:+.1f}" for change in changes) + " %"


def _charts(readings: dict[str, Readings]) -> dict[str, Chart]:
    return {
        "loaded-cpu": _by_round(
            "milliseconds of CPU of the operator per console notification",
            "ms",
            [(state.name, readings[state.name].cpu_ms) for state in STATES if state.bursts],
        ),
        "loaded-memory": _by_round(
            "resident memory of the operator, idle",
            "MB",
            [(state.name, readings[state.name].idle_mb) for state in STATES],
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
