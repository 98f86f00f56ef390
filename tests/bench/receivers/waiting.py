"""What waiting costs: API calls about notifications whose receiver fails at first, is away, or is suspended."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tests.bench.calls import by_notification
from tests.bench.generator import Batch, create
from tests.bench.receivers.figures import Row, at_most
from tests.bench.receivers.measured import Measured
from tests.bench.receivers.objects import WEBHOOK, ref
from tests.bench.receivers.stage import SETTLE_SECONDS, Stage, stage
from tests.bench.scenarios import DOWN, UNPACED, Answers, Channel, Load
from tests.harness.notifications import fast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.bench.place import Place

FAILURES: Final = 2
SHORT: Final = Load(count=50, channel=Channel.SLACK, retry=fast(5))
MANY: Final = Load(count=1_000, channel=Channel.SLACK)
FIRST: Final = 1_000
"""The number of the first notification, after those of the warm-up."""
AWAY_SECONDS: Final = 600.0
CALLS_BAR, SECONDS_BAR = 10, 10.0
WITHIN: Final = 1_200.0
SUSPENDED: Final = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The API calls about some notifications."""

    each: float
    """The average."""
    verbs: Mapping[str, float]
    """The average by verb."""
    most: int
    """About one of them."""

    @property
    def note(self) -> str:
        """How they are distributed."""
        verbs = ", ".join(f"{number:g} {verb}" for verb, number in self.verbs.items())
        return f"{verbs}; at most {self.most} for one"


def average(counted: Mapping[str, Counter[str]], notifications: int) -> Calls:
    """Return the calls of so many notifications, also of those without any."""
    total: Counter[str] = sum(counted.values(), Counter())
    return Calls(
        each=round(total.total() / notifications, 2),
        verbs={verb: round(number / notifications, 2) for verb, number in sorted(total.items())},
        most=max((each.total() for each in counted.values()), default=0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """A run in which a receiver takes nothing for a while."""

    away: float
    """Seconds."""
    meanwhile: Calls
    in_all: Calls
    delivered: float
    """Seconds from the return of the receiver to the last end."""
    phases: Mapping[str, int]


async def measure(place: Place, rounds: int) -> Measured:
    """Measure a receiver that answers each notification with 503 twice, then with 200; once, with shipped settings."""
    del rounds
    async with stage(place, {}) as on:
        await _start(on)
        place.answer(Answers(failing=FAILURES))
        batch, since = Batch(load=SHORT, first=FIRST), datetime.now(UTC)
        await on.deliver(batch, within=WITHIN)
        return Measured(rows=evaluate(await _calls(on, batch, since), batch.seconds), charts={})


async def away(place: Place, rounds: int, *, seconds: float) -> Measured:
    """Measure 1,000 notifications whose receiver answers with 503 for so many seconds, without a limit of their rate."""
    del rounds
    async with stage(place, UNPACED) as on:
        await _start(on)
        place.answer(Answers(failing=DOWN))

        async def end() -> None:
            place.answer(Answers())

        waited = await _wait(on, Batch(load=MANY, first=FIRST), seconds, end)
        return Measured(rows=evaluate_wait(waited, "is away"), charts={})


async def suspended(place: Place, rounds: int, *, seconds: float) -> Measured:
    """Measure 1,000 notifications whose receiver is suspended for so many seconds."""
    del rounds
    async with stage(place, {}) as on:
        await on.add_authority()
        await on.create(WEBHOOK.objects(on.home, SUSPENDED, on.services.url, suspend=True))
        await _start(on)

        async def end() -> None:
            (stored,) = await on.receivers()
            await on.replace({**stored, "spec": {**stored["spec"], "suspend": False}})

        batch = Batch(load=MANY, first=FIRST, refs=[ref(on.home, SUSPENDED)])
        waited = await _wait(on, batch, seconds, end)
        return Measured(rows=evaluate_wait(waited, "is suspended"), charts={})


async def _start(on: Stage) -> None:
    on.place.answer(Answers())
    await on.start()
    await on.warm_up()


async def _wait(on: Stage, batch: Batch, seconds: float, end: Callable[[], Awaitable[None]]) -> Waited:
    since, start = datetime.now(UTC), time.perf_counter()
    async with on.followed(batch) as follower:
        await create(on.api, on.namespace, batch)
        await asyncio.sleep(max(0.0, start + seconds - time.perf_counter()))
        away_for, meanwhile = time.perf_counter() - start, await _calls(on, batch, since)
        returned = time.perf_counter()
        await end()
        await follower.until_final(batch, WITHIN)
    return Waited(
        away=round(away_for, 1),
        meanwhile=meanwhile,
        in_all=await _calls(on, batch, since),
        delivered=round(max(batch.final.values()) - returned, 2),
        phases=dict(sorted(batch.phases.items())),
    )


async def _calls(on: Stage, batch: Batch, since: datetime) -> Calls:
    """Count the calls about a batch, once the last ones are in the audit log."""
    await asyncio.sleep(SETTLE_SECONDS)
    audit, account = on.place.control_plane.audit, on.measured.account
    counted = by_notification(audit, account, on.namespace, since)
    return average({name: counted.get(name, Counter()) for name in batch.names}, batch.load.count)


def evaluate(calls: Calls, seconds: float) -> list[Row]:
    """Return the rows of the first scenario; the bar is for each notification, not for their average."""
    return [
        Row(
            measure=f"{SHORT.count} notifications whose receiver answers 503 twice, then 200: API calls of each",
            bar=f"≤ {CALLS_BAR}",
            measured=f"{calls.each:g} on average, {calls.note}",
            holds=calls.most <= CALLS_BAR,
        ),
        at_most(
            "the same: from the first creation to the last delivery", SECONDS_BAR, round(seconds, 1), " s"
        ),
    ]


def evaluate_wait(waited: Waited, what: str) -> list[Row]:
    """Return the figures of a receiver that takes nothing for a while; they have no bar."""
    phases = ", ".join(f"{number:,} {phase}" for phase, number in waited.phases.items())
    return [
        Row(
            measure=f"{MANY.count:,} notifications whose receiver {what} for {waited.away:g} s: API calls of each meanwhile",
            measured=f"{waited.meanwhile.each:g} on average, {waited.meanwhile.note}",
        ),
        Row(
            measure="the same: API calls of each in all",
            measured=f"{waited.in_all.each:g} on average, {waited.in_all.note}",
        ),
        Row(
            measure="the same: from the return of the receiver to the last end",
            measured=f"{waited.delivered:g} s; {phases}",
        ),
    ]
