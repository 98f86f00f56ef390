"""Measure the gateway on an API server of its own: `python -m tests.bench.gateway [--rounds N] [--seconds S] [--samples N]`.

Clients create notifications through the gateway and directly, by turns, on the same API server. Then come the latency at 50 messages a
second, the memory, and whether the time to an answer tells an unknown path from wrong credentials. The exit code is 0 only if every
bar is reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from notification_contract.crds import notification_request, notification_source
from tests.api_server.conftest import ApiServer
from tests.api_server.gateway.place import BEARER, Place
from tests.bench.api import api
from tests.bench.scenarios import Bar
from tests.harness.cluster import Cluster
from tests.harness.control_plane import control_plane
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.api_server.gateway.place import Replica
    from tests.bench.api import Api

import aiohttp

CLIENTS: Final = 20
PACE: Final = 50
"""Messages per second."""
TEXT: Final = "The build of shop failed. " * 20
WRONG: Final = {"Authorization": "Bearer wrong"}
BARS: Final = {
    "rate through the gateway, as a part of that of direct creation": Bar(0.8, at_least=True),
    f"p99 at {PACE} messages per second, ms": Bar(50),
    "peak of the memory, MB": Bar(90),
    "difference of the medians of unknown path and wrong credentials, ms": Bar(1),
}

console = Console(width=160, highlight=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A replica of the gateway with the source `ci`, and its API server."""

    place: Place
    replica: Replica
    cluster: Cluster
    numbers: Iterator[int]
    """Each tells a message from all others."""

    async def post(self, session: aiohttp.ClientSession) -> None:
        """Send a message to the gateway."""
        key = f"message-{next(self.numbers)}"
        body = json.dumps({"text": TEXT, "key": key}).encode()
        headers = {**BEARER, "Idempotency-Key": key}
        async with session.post(f"{self.replica.url}/hook/ci", data=body, headers=headers) as answer:
            await answer.read()
            answer.raise_for_status()

    async def create(self, server: Api) -> None:
        """Create such a notification directly."""
        spec = {"type": "simple", "subject": "Message from ci", "body": TEXT}
        metadata = {"name": f"direct-{next(self.numbers)}", "labels": {"kubernaut.ai/source": "ci"}}
        body: dict[str, Any] = notification_kind() | {"metadata": metadata, "spec": spec}
        await server.create(self.place.home, json.dumps(body).encode())


def notification_kind() -> dict[str, Any]:
    return {"apiVersion": "kubernaut.ai/v1alpha1", "kind": "NotificationRequest"}


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison with direct creation")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a round, and of the paced load")
    parser.add_argument("--samples", type=int, default=2000, help="of the times to an answer")
    options = parser.parse_args(arguments)
    with _bench() as bench:
        figures = asyncio.run(_figures(bench, options.rounds, options.seconds, options.samples))
    table = Table("measure", "value", "bar", "reached", box=None)
    for (measure, bar), value in zip(BARS.items(), figures, strict=True):
        reached = "yes" if bar.holds(value, bar.limit) else "**no**"
        table.add_row(measure, f"{value:.3g}", f"{bar.sign} {bar.limit:g}", reached)
    console.print(table)
    held = [bar.holds(value, bar.limit) for bar, value in zip(BARS.values(), figures, strict=True)]
    return 0 if all(held) else 1


async def _figures(bench: Bench, rounds: int, seconds: float, samples: int) -> tuple[float, ...]:
    """Return the values, in the order of the bars."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        api(bench.cluster, bench.place.token(), connections=CLIENTS) as server,
    ):
        ways = {"gateway": lambda: bench.post(session), "direct": lambda: bench.create(server)}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            for name in ways if number % 2 else reversed(ways):
                rates[name].append(await _rate(ways[name], seconds))
                console.print(f"round {number + 1}, {name}: {rates[name][-1]:.0f} per second")
        p99 = await _paced(ways["gateway"], seconds)
        peak = bench.replica.peak_megabytes
        difference = await _difference(bench, session, samples)
    share = median(ours / direct for ours, direct in zip(rates["gateway"], rates["direct"], strict=True))
    return share, p99 * 1000, peak, difference * 1000


async def _rate(create: Callable[[], Awaitable[None]], seconds: float) -> float:
    """Return how many a number of clients create per second."""
    end, done = time.monotonic() + seconds, 0

    async def client() -> None:
        nonlocal done
        while time.monotonic() < end:
            await create()
            done += 1

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done / (time.monotonic() - began)


async def _paced(create: Callable[[], Awaitable[None]], seconds: float) -> float:
    """Return the 99th percentile of the seconds to an answer."""
    times: list[float] = []

    async def one() -> None:
        began = time.monotonic()
        await create()
        times.append(time.monotonic() - began)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * PACE)):
            await asyncio.sleep(began + number / PACE - time.monotonic())
            group.create_task(one())
    return quantiles(times, n=100)[-1]


async def _difference(bench: Bench, session: aiohttp.ClientSession, samples: int) -> float:
    """Return the difference of the median times to the answers to an unknown path and to wrong credentials, by turns."""
    times: dict[str, list[float]] = {"none": [], "ci": []}
    for _ in range(samples // 2):
        for name, found in times.items():
            began = time.perf_counter()
            async with session.post(f"{bench.replica.url}/hook/{name}", data=b"{}", headers=WRONG) as answer:
                await answer.read()
            found.append(time.perf_counter() - began)
    unknown, wrong = map(median, times.values())
    console.print(f"medians: unknown path {unknown * 1000:.2f} ms, wrong credentials {wrong * 1000:.2f} ms")
    return abs(unknown - wrong)


@contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder, control_plane() as plane:
        cluster = Cluster(plane.kubeconfig)
        for definition in (notification_request(), notification_source()):
            cluster.apply(definition)
        eventually(cluster.has_kind, bool, within=30)
        place = Place(ApiServer(cluster=cluster), Path(folder))
        place.source("ci", "generic", rateLimit={"count": 100_000, "period": "1s"})
        try:
            replica = place.replica(log_level="info", status_interval_seconds=30.0)
            eventually(lambda: replica.post("/hook/ci").status, lambda status: status == 202)
            yield Bench(place=place, replica=replica, cluster=cluster, numbers=count())
        finally:
            place.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
