"""What many or large notifications cost the operator: time to its first delivery, memory, and the delay of others.

`python -m tests.bench.bounds large` stores 60 notifications of the largest admitted size while the operator is stopped, starts it, and
delivers others at the same time. `python -m tests.bench.bounds many --count 100000` does the same with small notifications to a slow
receiver. Both print the figures and write the resident memory over time to build/bench/bounds-*.csv and .svg.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
import matplotlib as mpl
import orjson
from matplotlib.figure import Figure

from notification_operator.domain.redaction.rules import RULES
from tests.bench.api import api
from tests.bench.controllers import Kind, controller
from tests.bench.generator import Batch, Follower, create
from tests.bench.machine import memory
from tests.bench.place import place
from tests.bench.scenarios import Answers, Load
from tests.harness.notifications import notification, slack_notification
from tests.harness.operator_deployment import HEALTH
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.bench.api import Api
    from tests.harness.operator_process import OperatorProcess

FOLDER: Final = ROOT / "build" / "bench"
LARGEST: Final = 262_144
"""Characters of the largest body."""
SAMPLE_SECONDS: Final = 0.1
CREATORS: Final = 16
OTHERS: Final = Load(count=150, rate=5.0)
"""The load of another namespace."""
SLOW: Final = Answers(delay=2.0)
WATCH_SECONDS: Final = 60.0
"""Seconds for which the memory is read after the start."""
SLOWEST: Final = 10
READY_SECONDS: Final = 300.0


@dataclass(slots=True)
class Readings:
    """The process of the operator, from its start."""

    began: float = field(default_factory=time.perf_counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Seconds, and resident megabytes."""
    ready: float | None = None
    became_ready: asyncio.Event = field(default_factory=asyncio.Event)
    probes: list[float] = field(default_factory=list)
    """Seconds that each liveness probe took: the event loop answers it."""

    @property
    def now(self) -> float:
        return time.perf_counter() - self.began


def large_bodies() -> Iterator[str]:
    """Yield bodies of the largest size without end: wide characters, every hint, and secrets."""
    hints = " ".join(hint for rule in RULES for hint in rule.hints)
    while True:
        yield "📦" * LARGEST
        yield (hints + "\u0430" * LARGEST)[:LARGEST]
        yield ("pwd=a " * LARGEST)[:LARGEST]


async def store(api: Api, namespace: str, bodies: Iterator[bytes]) -> None:
    """Create notifications with several connections."""

    async def creator() -> None:
        for body in bodies:
            await api.create(namespace, body)

    async with asyncio.TaskGroup() as group:
        for _ in range(CREATORS):
            group.create_task(creator())


def large(namespace: str, count: int) -> Iterator[bytes]:
    for number, body in zip(range(count), large_bodies(), strict=False):
        obj = notification(namespace, name=f"large-{number}", channels=["log"], body="")
        obj["spec"]["body"] = body
        yield orjson.dumps(obj)


def many(namespace: str, count: int) -> Iterator[bytes]:
    for number in range(count):
        subject = f"bench-{number}-"
        yield orjson.dumps(slack_notification(namespace, name=f"many-{number}", subject=subject))


@contextlib.asynccontextmanager
async def reading(operator: OperatorProcess) -> AsyncIterator[Readings]:
    """Start the operator, and read its memory and its probes during the block."""
    readings = Readings()
    starting = asyncio.create_task(asyncio.to_thread(operator.scale, 1, wait=False))
    async with aiohttp.ClientSession() as session:
        tasks = [
            asyncio.create_task(_read_memory(operator, readings)),
            asyncio.create_task(_probe(session, operator, readings)),
        ]
        await starting
        try:
            yield readings
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _read_memory(operator: OperatorProcess, readings: Readings) -> None:
    while True:
        with contextlib.suppress(AssertionError, OSError, KeyError):
            readings.memory.append((round(readings.now, 2), memory(operator.pid).now))
        await asyncio.sleep(SAMPLE_SECONDS)


async def _probe(session: aiohttp.ClientSession, operator: OperatorProcess, readings: Readings) -> None:
    base = f"http://127.0.0.1:{operator.port(HEALTH)}"
    while True:
        before = time.perf_counter()
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(f"{base}/healthz") as answer:
                await answer.read()
            readings.probes.append(time.perf_counter() - before)
            if readings.ready is None:
                async with session.get(f"{base}/readyz") as answer:
                    if answer.status == HTTPStatus.OK:
                        readings.ready = readings.now
                        readings.became_ready.set()
        await asyncio.sleep(0.02)


async def measure(what: str, count: int) -> Readings:
    """Run one measurement and print its figures."""
    with place() as where:
        async with api(where.generator, connections=CREATORS * 2) as server:
            with controller(Kind.OURS, where, {}) as measured:
                namespace, others = (where.cluster.create_namespace(dict(measured.labels)) for _ in range(2))
                where.answer(SLOW if what == "many" else Answers())
                began = time.perf_counter()
                await store(server, namespace, (many if what == "many" else large)(namespace, count))
                _say(f"{count:,} notifications created in {time.perf_counter() - began:.0f} s")
                operator = measured.controller
                async with reading(operator) as readings:  # type: ignore[arg-type] # Kind.OURS is a process
                    batch = Batch(load=OTHERS, first=0)
                    follower = Follower(server, others, [batch])
                    following = asyncio.create_task(follower.run(await server.version(others)))
                    first = asyncio.create_task(_first(server, namespace, readings))
                    async with asyncio.timeout(READY_SECONDS):
                        await readings.became_ready.wait()
                    await create(server, others, batch)
                    await follower.until_final(batch, WATCH_SECONDS)
                    await asyncio.sleep(max(0.0, WATCH_SECONDS - readings.now))
                    following.cancel()
                    _report(readings, batch, first.result() if first.done() else None)
                    first.cancel()
                return readings


async def _first(server: Api, namespace: str, readings: Readings) -> float:
    """Return the seconds from the start to the first final notification."""
    async for _event in server.watch(namespace, await server.version(namespace)):
        return readings.now
    return float("nan")


def _report(readings: Readings, batch: Batch, first: float | None) -> None:
    peak = max(megabytes for _, megabytes in readings.memory)
    ordered = sorted(batch.latencies)
    p99 = ordered[int(len(ordered) * 0.99)]
    _say(f"ready after {readings.ready or float('nan'):.1f} s, first end after {first or float('nan'):.1f} s")
    _say(f"resident memory: peak {peak:.0f} MB, at the end {readings.memory[-1][1]:.0f} MB")
    _say(f"other namespace: p50 {ordered[len(ordered) // 2]:.3f} s, p99 {p99:.3f} s, of {len(ordered)}")
    delays = sorted(
        ((batch.final[name] - at, at - readings.began) for name, at in batch.created.items()), reverse=True
    )
    slowest = ", ".join(f"{delay:.2f} s at {at:.1f} s" for delay, at in delays[:SLOWEST])
    _say(f"the slowest of them, with their creation after the start: {slowest}")
    probes = sorted(readings.probes)
    _say(
        f"liveness probe: p99 {1000 * probes[int(len(probes) * 0.99)]:.0f} ms, longest {1000 * probes[-1]:.0f} ms"
    )


def save(readings: Readings, name: str) -> None:
    """Write the memory over time as CSV and SVG."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{seconds},{megabytes}\n" for seconds, megabytes in readings.memory)
    (FOLDER / f"bounds-{name}.csv").write_text(f"seconds,megabytes\n{rows}", "utf-8")
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure = Figure(figsize=(7.5, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(*zip(*readings.memory, strict=True))
        axes.set(xlabel="seconds since the start of the process", ylabel="resident MB", ylim=(0, None))
        figure.savefig(FOLDER / f"bounds-{name}.svg", metadata={"Date": None, "Creator": None})
    _say(f"memory over time: {(FOLDER / f'bounds-{name}.csv').relative_to(ROOT)}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bounds", description=__doc__)
    parser.add_argument("what", choices=["large", "many"])
    parser.add_argument("--count", type=int, help="notifications (default: 60 large, 20,000 many)")
    options = parser.parse_args(arguments)
    count = options.count or (60 if options.what == "large" else 20_000)
    save(asyncio.run(measure(options.what, count)), options.what)


if __name__ == "__main__":
    main(sys.argv[1:])
