"""A burst to one webhook receiver against one to the console, in turn, by the same process."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from tests.bench.generator import Batch
from tests.bench.receivers.figures import Chart, Kind, Series, at_most
from tests.bench.receivers.loaded import numbered
from tests.bench.receivers.measured import Measured
from tests.bench.receivers.objects import WEBHOOK, ref
from tests.bench.receivers.stage import Stage, stage
from tests.bench.scenarios import Load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.place import Place

BURST: Final = Load(count=1_000)
NAME: Final = "receiver"
BAR: Final = 1.25


async def measure(place: Place, rounds: int) -> Measured:
    """Measure bursts in turn; every other round begins with the receiver."""
    console: list[float] = []
    receiver: list[float] = []
    async with stage(place, {}) as on:
        await on.add_authority()
        await on.create(WEBHOOK.objects(on.home, NAME, on.services.url))
        await on.start()
        refs = [ref(on.home, NAME)]
        await on.warm_up()
        await on.warm_up(refs=refs)
        for number in range(rounds):
            turns: tuple[tuple[list[float], list[dict[str, str]]], ...] = ((console, []), (receiver, refs))
            for seen, to in turns if number % 2 == 0 else reversed(turns):
                seen.append(await _burst(on, to))
    return evaluate(console, receiver)


async def _burst(on: Stage, refs: Sequence[dict[str, str]]) -> float:
    """Return the milliseconds of CPU per notification."""
    used = await on.deliver(Batch(load=BURST, first=1_000, refs=refs))
    await on.empty()
    return used / BURST.count * 1000


def evaluate(console: Sequence[float], receiver: Sequence[float]) -> Measured:
    """Return the rows and charts, from the milliseconds of each round."""
    ratios = [one / other for one, other in zip(receiver, console, strict=True)]
    rounds = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    row = at_most(
        "burst of 1,000 to one webhook receiver, against the console: CPU of the operator",
        BAR,
        round(median(ratios), 2),
        " times",
        note=f"{median(receiver):.2f} and {median(console):.2f} ms per notification; rounds {rounds}",
    )
    chart = Chart(
        title="milliseconds of CPU of the operator per notification, in a burst of 1,000",
        x="round",
        y="ms",
        kind=Kind.BARS,
        series=[
            Series(label="console", points=numbered(console)),
            Series(label="webhook receiver", points=numbered(receiver)),
        ],
    )
    return Measured(rows=(row,), charts={"against-console": chart})
