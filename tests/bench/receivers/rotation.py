"""A Secret that is rotated while messages flow: which credential each message used, and what failed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.generator import Batch, create
from tests.bench.receivers.far_end import Account
from tests.bench.receivers.figures import Chart, Kind, Row, Series
from tests.bench.receivers.measured import Measured
from tests.bench.receivers.objects import WEBHOOK, ref, secret
from tests.bench.receivers.stage import Stage, stage
from tests.bench.scenarios import Load
from tests.harness.notifications import policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.place import Place
    from tests.bench.receivers.far_end import Hit

RATE: Final = 20.0
ROTATIONS: Final = 6
EVERY_SECONDS: Final = 5.0
OVERLAP_SECONDS: Final = 2.0
"""How long a service accepts the old credential as well: the usual order of a rotation."""
VOID_SECONDS: Final = 1.0
"""How long no valid credential is in the Secret, in the other order."""
LOAD: Final = Load(
    count=round(RATE * EVERY_SECONDS * (ROTATIONS + 1)), rate=RATE, retry=policy(5, initial=1, multiplier=1)
)
FIRST_USE_BAR: Final = 2.0
WITHIN: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a service behaves in a rotation."""

    name: str
    title: str
    overlap: bool
    """Whether it accepts the old credential for a while; otherwise that is void before the Secret changes."""
    on_receiver_error: str


GRACE: Final = Way(
    name="grace",
    title="the old credential stays valid for 2 s more",
    overlap=True,
    on_receiver_error="Fail",
)
REVOKED: Final = Way(
    name="revoked",
    title="the old credential is void 1 s before the Secret changes, `onReceiverError: Hold`",
    overlap=False,
    on_receiver_error="Hold",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """A run. Times are those of `time.time`."""

    began: float
    changes: Sequence[tuple[float, str]]
    """When a Secret was changed, and to which credential."""
    hits: Sequence[Hit]
    undelivered: int
    longest_delay: float
    """Seconds from the creation of a notification to its end."""


async def measure(place: Place, rounds: int) -> Measured:
    """Measure both ways once, with several rotations each, whatever the number of rounds is."""
    del rounds
    rows: list[Row] = []
    charts: dict[str, Chart] = {}
    async with stage(place, {}) as on:
        await on.add_authority()
        for way in (GRACE, REVOKED):
            await on.create(
                WEBHOOK.objects(on.home, way.name, on.services.url, onReceiverError=way.on_receiver_error)
            )
        await on.start()
        for way in (GRACE, REVOKED):
            rotated = await _rotate(on, way)
            rows += evaluate(rotated, way)
            charts[f"rotation-{way.name}"] = chart(rotated, way)
    return Measured(rows=rows, charts=charts)


async def _rotate(on: Stage, way: Way) -> Rotated:
    refs = [ref(on.home, way.name)]
    on.services.set({way.name: Account(credentials=("first",))})
    await on.warm_up(refs=refs)
    on.services.set({way.name: Account(credentials=("first",))})
    batch, began = Batch(load=LOAD, first=1_000, refs=refs), time.time()
    async with on.followed(batch) as follower:
        rotating = asyncio.create_task(_change_secret(on, way))
        await create(on.api, on.namespace, batch)
        changes = await rotating
        await follower.until_final(batch, WITHIN)
    return Rotated(
        began=began,
        changes=changes,
        hits=on.services.hits(),
        undelivered=LOAD.count - batch.phases["Sent"],
        longest_delay=max(batch.latencies),
    )


async def _change_secret(on: Stage, way: Way) -> list[tuple[float, str]]:
    changes: list[tuple[float, str]] = []
    before = "first"
    for number in range(ROTATIONS):
        after = f"credential-{number}"
        await asyncio.sleep(EVERY_SECONDS - (OVERLAP_SECONDS if way.overlap else VOID_SECONDS))
        await _accept(on, way, *((before, after) if way.overlap else (after,)))
        await asyncio.sleep(0.0 if way.overlap else VOID_SECONDS)
        changes.append((time.time(), after))
        await on.replace(secret(on.home, f"{way.name}-secret", Authorization=after))
        await asyncio.sleep(OVERLAP_SECONDS if way.overlap else 0.0)
        await _accept(on, way, after)
        before = after
    return changes


async def _accept(on: Stage, way: Way, *credentials: str) -> None:
    await asyncio.to_thread(on.services.change, {way.name: Account(credentials=credentials)})


def evaluate(rotated: Rotated, way: Way) -> list[Row]:
    """Return the rows of one way."""
    delays = first_uses(rotated.hits, rotated.changes)
    missing = sum(delay is None for delay in delays)
    seen = sorted(delay for delay in delays if delay is not None)
    refused = sum(hit.status == 401 for hit in rotated.hits)
    count = f"{LOAD.count} notifications at {RATE:g}/s, {ROTATIONS} rotations"
    return [
        Row(
            measure=f"Secret rotated under load, {way.title}: failed deliveries",
            bar="0",
            measured=f"{rotated.undelivered} of {count}; {refused} requests refused, "
            f"longest delay {rotated.longest_delay:.2f} s",
            holds=rotated.undelivered == 0,
        ),
        Row(
            measure="the same: from the change to the first use of the new credential",
            bar=f"≤ {FIRST_USE_BAR:g} s",
            measured=f"{seen[0]:.3f} to {seen[-1]:.3f} s" if seen else "never used",
            holds=bool(seen) and not missing and seen[-1] <= FIRST_USE_BAR,
        ),
    ]


def first_uses(hits: Sequence[Hit], changes: Sequence[tuple[float, str]]) -> list[float | None]:
    """Return the seconds from each change to the first request with its credential; None if there is none."""
    first: dict[str, float] = {}
    for hit in sorted(hits, key=lambda hit: hit.began):
        first.setdefault(hit.credential, hit.began)
    return [first[value] - at if value in first else None for at, value in changes]


def chart(rotated: Rotated, way: Way) -> Chart:
    """Return the requests by their answer, and the moments of the changes."""
    answers = {"accepted": 200, "refused, 401": 401}
    return Chart(
        title=f"requests in a rotation: {way.title.replace('`', '')}",
        x="seconds",
        y="requests so far",
        kind=Kind.STEPS,
        series=[Series(label=label, points=_so_far(rotated, status)) for label, status in answers.items()],
        marks={
            f"{number}": round(at - rotated.began, 3)
            for number, (at, _) in enumerate(rotated.changes, start=1)
        },
    )


def _so_far(rotated: Rotated, status: int) -> list[tuple[float, float]]:
    times = sorted(hit.began - rotated.began for hit in rotated.hits if hit.status == status)
    return [(0.0, 0.0), *((round(at, 2), number) for number, at in enumerate(times, start=1))]
