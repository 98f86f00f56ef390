"""Fifty receivers of five types, next to one that hangs and one that asks for a pause: none delays the others."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.arithmetic import latency
from tests.bench.generator import Batch, create
from tests.bench.receivers.far_end import Account
from tests.bench.receivers.figures import Chart, Kind, Row, Series, at_most
from tests.bench.receivers.measured import Measured
from tests.bench.receivers.objects import SERVED, WEBHOOK, ref
from tests.bench.receivers.stage import SETTLE_SECONDS, Stage, stage
from tests.bench.scenarios import Load
from tests.harness.notifications import policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.api import Object
    from tests.bench.place import Place
    from tests.bench.receivers.far_end import Hit

OF_TYPE: Final = 10
HEALTHY: Final = OF_TYPE * len(SERVED)
EACH: Final = 20
"""Notifications per receiver."""
HANGING, PAUSED = "hanging", "paused"
PAUSE_SECONDS: Final = 30.0
HANGS_SECONDS: Final = 45.0
"""After this time the one that hangs answers, so that everything is delivered in the end."""
HEALTHY_BAR: Final = 10.0
WITHIN: Final = 240.0
LOAD: Final = Load(count=(HEALTHY + 2) * EACH, retry=policy(10, initial=3, multiplier=1))
ON_THEIR_WAY: Final = 0.5
"""Seconds after an answer in which requests may arrive that the operator sent before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a run left behind. Times are those of `time.time`."""

    batch: Batch
    offset: float
    """What turns a time of `time.perf_counter` into one of `time.time`."""
    hits: Sequence[Hit]
    stored: Sequence[Object]

    @property
    def began(self) -> float:
        """When the first one was created."""
        return min(self.batch.created.values()) + self.offset

    def ends(self, *accounts: str) -> list[float]:
        """Return the seconds after which the notifications to some receivers were final."""
        batch = self.batch
        return sorted(
            batch.final[name] + self.offset - self.began
            for number, name in enumerate(batch.names)
            if batch.ref(number)["name"] in accounts
        )


async def measure(place: Place, rounds: int) -> Measured:
    """Measure once, whatever the number of rounds is: the run takes a minute."""
    del rounds
    async with stage(place, {}) as on:
        names = [f"{served.kind}-{number}" for served in SERVED for number in range(OF_TYPE)]
        on.services.set({HANGING: Account(hangs=True), PAUSED: Account(pause=PAUSE_SECONDS)})
        await on.add_authority()
        for served in SERVED:
            for number in range(OF_TYPE):
                await on.create(served.objects(on.home, f"{served.kind}-{number}", on.services.url))
        for name in (HANGING, PAUSED):
            await on.create(WEBHOOK.objects(on.home, name, on.services.url))
        await on.start()
        await on.warm_up(refs=[ref(on.home, f"{served.kind}-0") for served in SERVED])
        on.services.set({HANGING: Account(hangs=True), PAUSED: Account(pause=PAUSE_SECONDS)})
        delivered = await _deliver(on, [*names, HANGING, PAUSED])
    return evaluate(delivered, names)


async def _deliver(on: Stage, names: Sequence[str]) -> Delivered:
    loop = asyncio.get_running_loop()
    batch = Batch(load=LOAD, first=1_000, refs=[ref(on.home, name) for name in names])
    async with on.followed(batch) as follower:
        loop.call_later(HANGS_SECONDS, on.services.change, {HANGING: Account()})
        await create(on.api, on.namespace, batch)
        await follower.until_final(batch, WITHIN)
    await asyncio.sleep(SETTLE_SECONDS)
    return Delivered(batch=batch, offset=_offset(), hits=on.services.hits(), stored=await on.stored(batch))


def _offset() -> float:
    return time.time() - time.perf_counter()


def evaluate(delivered: Delivered, healthy: Sequence[str]) -> Measured:
    """Return the rows and charts."""
    ends, batch = delivered.ends(*healthy), delivered.batch
    latencies = latency(
        [
            batch.final[name] - batch.created[name]
            for number, name in enumerate(batch.names)
            if batch.ref(number)["name"] in healthy
        ]
    )
    requests, recorded, differing = compare(delivered.hits, delivered.stored)
    early, on_their_way = too_early(delivered.hits, PAUSED, PAUSE_SECONDS)
    rows = (
        at_most(
            "1,000 notifications to 50 receivers of 5 types, next to one that hangs and one that asks for 30 s",
            HEALTHY_BAR,
            round(ends[-1], 2),
            " s",
            note=f"p50 {latencies.p50:g}, p99 {latencies.p99:g} ms",
        ),
        Row(
            measure="the same: requests recorded as attempts",
            bar="each one",
            measured=f"{recorded} of {requests}, {differing} notifications differ",
            holds=recorded == requests and differing == 0,
        ),
        Row(
            measure="the same: requests at the paused one before its time",
            bar="none",
            measured=f"{early}, {on_their_way} were on their way when it asked",
            holds=early == 0,
        ),
        Row(
            measure="the same: all delivered in the end",
            bar="each one",
            measured=", ".join(f"{count} {phase}" for phase, count in sorted(batch.phases.items())),
            holds=batch.phases == {"Sent": LOAD.count},
        ),
    )
    return Measured(rows=rows, charts={"side-by-side": _chart(delivered, healthy)})


def compare(hits: Sequence[Hit], stored: Sequence[Object]) -> tuple[int, int, int]:
    """Return the requests, the attempts that the statuses record, and the notifications in which they differ.

    An attempt that an open circuit breaker rejected is no request.
    """
    requests: dict[int, int] = {}
    for hit in hits:
        requests[hit.number] = requests.get(hit.number, 0) + 1
    recorded = {
        int(obj["metadata"]["name"].rpartition("-")[2]): sum(
            not attempt.get("circuitOpen", False) for attempt in obj["status"].get("deliveryAttempts", ())
        )
        for obj in stored
    }
    numbers = requests.keys() | recorded.keys()
    differing = sum(requests.get(number, 0) != recorded.get(number, 0) for number in numbers)
    return sum(requests.values()), sum(recorded.values()), differing


def too_early(hits: Sequence[Hit], account: str, pause: float) -> tuple[int, int]:
    """Return how many requests came during a pause, and how many of the first moment were on their way already."""
    asked = min(hit.ended for hit in hits if hit.account == account and hit.status == 429)
    during = [
        hit.began - asked
        for hit in hits
        if hit.account == account and hit.began > asked and hit.began < asked + pause
    ]
    on_their_way = sum(after <= ON_THEIR_WAY for after in during)
    return len(during) - on_their_way, on_their_way


def _chart(delivered: Delivered, healthy: Sequence[str]) -> Chart:
    groups: Mapping[str, Sequence[str]] = {
        "the 50 that work": healthy,
        "the one that hangs": (HANGING,),
        "the one that asks for 30 s": (PAUSED,),
    }
    return Chart(
        title="share of the notifications that are final",
        x="seconds since the first creation",
        y="%",
        kind=Kind.STEPS,
        series=[
            Series(label=label, points=shares(delivered.ends(*accounts)))
            for label, accounts in groups.items()
        ],
        marks={"the hanging one answers": HANGS_SECONDS},
    )


def shares(ends: Sequence[float], *, steps: int = 100) -> list[tuple[float, float]]:
    """Return the share in percent that has ended by each time, in at most so many steps."""
    every = max(len(ends) // steps, 1)
    kept = [
        (end, number)
        for number, end in enumerate(ends, start=1)
        if number % every == 0 or number == len(ends)
    ]
    return [(0.0, 0.0), *((round(end, 2), round(number / len(ends) * 100, 1)) for end, number in kept)]
