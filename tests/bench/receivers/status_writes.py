"""The writes to the status of a receiver while it gets a burst, and messages at a constant rate after it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.bench.calls import times
from tests.bench.generator import Batch
from tests.bench.receivers.figures import Chart, Kind, Row, Series
from tests.bench.receivers.measured import Measured
from tests.bench.receivers.objects import WEBHOOK, ref
from tests.bench.receivers.stage import GROUP, RECEIVERS, SETTLE_SECONDS, Stage, stage
from tests.bench.scenarios import Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.bench.api import Object
    from tests.bench.place import Place

NAME: Final = "receiver"
BURST: Final = Load(count=1_000)
AFTER: Final = Load(count=1_900, rate=20.0)
"""For 95 seconds."""
INTERVAL: Final = 30.0
WRITE: Final = f"update {RECEIVERS}/status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A status of the receiver, as a watch shows it."""

    at: datetime
    conditions: tuple[tuple[str, str, str], ...]
    """Type, status and reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A run."""

    began: datetime
    writes: Sequence[datetime]
    versions: Sequence[Version]
    delivered: Sequence[float]
    """Seconds from the beginning to the end of each notification."""


async def measure(place: Place, rounds: int) -> Measured:
    """Measure once, whatever the number of rounds is: the run takes two minutes."""
    del rounds
    async with stage(place, {}) as on:
        await on.add_authority()
        await on.create(WEBHOOK.objects(on.home, NAME, on.services.url))
        await on.start()
        # Nothing is warmed up: the first message is a transition, too.
        observed = await _observe(on)
    return evaluate(observed)


async def _observe(on: Stage) -> Observed:
    refs, began = [ref(on.home, NAME)], datetime.now(UTC)
    async with _versions(on) as versions:
        start = time.perf_counter()
        batches = [
            Batch(load=load, first=first, refs=refs) for first, load in ((1_000, BURST), (5_000, AFTER))
        ]
        for batch in batches:
            await on.deliver(batch)
        await asyncio.sleep(SETTLE_SECONDS)
    audit, account = on.place.control_plane.audit, on.measured.account
    ends = sorted(end - start for batch in batches for end in batch.final.values())
    return Observed(
        began=began, writes=times(audit, account, on.home, WRITE, began), versions=versions, delivered=ends
    )


@asynccontextmanager
async def _versions(on: Stage) -> AsyncIterator[list[Version]]:
    path, versions = f"{GROUP}/namespaces/{on.home}/{RECEIVERS}", list[Version]()
    listed = await on.api.send("GET", path)
    versions.append(_version(listed["items"][0]))

    async def follow() -> None:
        async for event in on.api.events(path, listed["metadata"]["resourceVersion"]):
            versions.append(_version(event["object"]))

    following = asyncio.create_task(follow())
    try:
        yield versions
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _version(obj: Object) -> Version:
    conditions = obj.get("status", {}).get("conditions", ())
    kept = tuple((each["type"], each["status"], each["reason"]) for each in conditions)
    return Version(at=datetime.now(UTC), conditions=kept)


def evaluate(observed: Observed) -> Measured:
    """Return the rows and charts."""
    transitions = sum(before.conditions != after.conditions for before, after in pairwise(observed.versions))
    seconds = [(at - observed.began).total_seconds() for at in observed.writes]
    others = len(seconds) - transitions
    duration = max(observed.delivered)
    row = Row(
        measure=f"status writes of a receiver that gets 1,000 at once and 20/s after that, in {duration:.0f} s",
        bar="≤ 1 per 30 s, and 1 per transition",
        measured=f"{len(seconds)}: {transitions} of a transition, {others} others; after "
        f"{', '.join(f'{at:.1f}' for at in seconds)} s",
        holds=others <= allowed(duration),
    )
    return Measured(rows=(row,), charts={"status-writes": _chart(observed, seconds)})


def allowed(duration: float) -> int:
    """Return how many writes without a transition fit into a time."""
    return int(duration // INTERVAL)


def _chart(observed: Observed, seconds: Sequence[float]) -> Chart:
    every = max(len(observed.delivered) // 100, 1)
    delivered = [
        (round(at, 2), float(number))
        for number, at in enumerate(observed.delivered, start=1)
        if number % every == 0
    ]
    return Chart(
        title="notifications that one receiver got, and the writes to its status",
        x="seconds",
        y="notifications so far",
        kind=Kind.STEPS,
        series=[Series(label="delivered", points=[(0.0, 0.0), *delivered])],
        marks={f"write {number}": round(at, 2) for number, at in enumerate(seconds, start=1)},
    )
