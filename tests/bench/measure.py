"""Measures one scenario with one controller, from empty namespaces to the figures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.bench import outcome
from tests.bench.api import api
from tests.bench.calls import calls
from tests.bench.controllers import controller
from tests.bench.figures import Result
from tests.bench.generator import CREATORS, Batch, Follower, create
from tests.bench.machine import between, memory, processor_seconds
from tests.bench.scenarios import Channel, Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.bench.api import Api
    from tests.bench.controllers import Kind, MeasuredController
    from tests.bench.place import Place
    from tests.bench.scenarios import Scenario

WARM_UP = 30
"""Notifications before those that count: the first ones after a start are slower."""
SETTLE_SECONDS = 3.0
"""The delay before the memory of an idle controller is read, and until its last calls are logged."""
PREPARED_WITHIN = 600.0
GONE_WITHIN = 600.0
CONNECTIONS = CREATORS * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The parts of a measurement."""

    scenario: Scenario
    place: Place
    api: Api
    measured: MeasuredController
    namespace: str
    others: str
    """The namespace of the concurrent load."""

    @property
    def namespaces(self) -> tuple[str, str]:
        return self.namespace, self.others

    def used(self) -> dict[str, float]:
        """Return the CPU seconds so far."""
        return {"controller": processor_seconds(self.measured.controller.pid), **self.used_by_others()}

    def used_by_others(self) -> dict[str, float]:
        """Return those of everything except the controller."""
        return {**self.place.used(), "load generator": processor_seconds(os.getpid())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Readings while the load was processed."""

    since: datetime
    cpu: Mapping[str, float]
    first: float | None = None
    """Seconds from the start of the process to the first final phase, if the load existed before."""


async def measure(scenario: Scenario, kind: Kind, place: Place) -> Result:
    """Measure, and leave no notification in the cluster.

    Raises:
        NotFinalError: the controller does not finish in time.
        AuditLogTornError: the API server's log is too short for the scenario.
    """
    async with api(place.generator, connections=CONNECTIONS) as server:
        with controller(kind, place, scenario.settings) as measured:
            namespace, others = (place.cluster.create_namespace(dict(measured.labels)) for _ in range(2))
            run = Run(
                scenario=scenario,
                place=place,
                api=server,
                measured=measured,
                namespace=namespace,
                others=others,
            )
            async with _emptied(run):
                return await _measure(run, kind)


async def _measure(run: Run, kind: Kind) -> Result:
    scenario = run.scenario
    run.place.answer(scenario.answers)
    await asyncio.to_thread(run.measured.controller.start)
    before = Batch(load=Load(count=scenario.finished or WARM_UP), first=0)
    await _through(run, before, within=PREPARED_WITHIN)
    await asyncio.sleep(SETTLE_SECONDS)
    idle = memory(run.measured.controller.pid).now
    main = Batch(load=scenario.load, first=before.load.count)
    concurrent = (
        Batch(load=scenario.concurrent, first=main.first + main.load.count) if scenario.concurrent else None
    )
    timed = await (_restarted(run, main) if scenario.finished else _under_load(run, main, concurrent))
    await asyncio.sleep(SETTLE_SECONDS)
    held = memory(run.measured.controller.pid)
    names = main.created.keys() | (concurrent.created.keys() if concurrent else set())
    stored = [obj for namespace in run.namespaces for obj in await run.api.all(namespace)]
    objects = [obj for obj in stored if obj["metadata"]["name"] in names]
    counted = calls(run.place.control_plane.audit, run.measured.account, run.namespaces, timed.since)
    seen = run.place.seen()
    return Result(
        scenario=scenario.name,
        controller=kind.value,
        main=outcome.group(main),
        concurrent=outcome.group(concurrent) if concurrent else None,
        calls=counted.by_verb,
        calls_each=round(counted.total / len(names), 2),
        conflicts=counted.conflicts,
        cpu_seconds=timed.cpu,
        idle_mb=idle,
        peak_mb=held.peak,
        after_mb=held.now,
        sink=outcome.sink(objects, seen, scenario.answers.failing)
        if scenario.load.channel is Channel.SLACK
        else None,
        pauses=outcome.kept_pauses(scenario.load.retry, seen),
        first_after_start=timed.first,
    )


async def _through(run: Run, batch: Batch, *, within: float) -> None:
    """Create a batch and wait until it is final."""
    async with _followed(run, run.namespace, batch) as follower:
        await create(run.api, run.namespace, batch)
        await follower.until_final(batch, within)


async def _under_load(run: Run, main: Batch, concurrent: Batch | None) -> Timed:
    async with _followed(run, run.namespace, main) as follower:
        since, before = datetime.now(UTC), run.used()
        async with _meanwhile(run, concurrent):
            await create(run.api, run.namespace, main)
            await follower.until_final(main, run.scenario.within)
        return Timed(since=since, cpu=between(before, run.used()))


async def _restarted(run: Run, main: Batch) -> Timed:
    """Stop the controller, create the load, and measure a new process."""
    await asyncio.to_thread(run.measured.controller.stop)
    await create(run.api, run.namespace, main)
    async with _followed(run, run.namespace, main) as follower:
        since, before = datetime.now(UTC), run.used_by_others()
        began = time.perf_counter()
        starting = asyncio.create_task(asyncio.to_thread(run.measured.controller.start))
        await follower.until_final(main, run.scenario.within)
        await starting
        used = run.used()
    # Each one has waited since the start of the process.
    main.created = dict.fromkeys(main.created, began)
    cpu = {"controller": round(used["controller"], 2), **between(before, used)}
    return Timed(since=since, cpu=cpu, first=round(min(main.final.values()) - began, 2))


@contextlib.asynccontextmanager
async def _meanwhile(run: Run, concurrent: Batch | None) -> AsyncIterator[None]:
    """Create another load in its own namespace during the block, and wait until it is final."""
    if concurrent is None:
        yield
        return
    async with _followed(run, run.others, concurrent) as follower:
        creating = asyncio.create_task(create(run.api, run.others, concurrent))
        try:
            yield
        finally:
            creating.cancel()
            await asyncio.gather(creating, return_exceptions=True)
        await follower.until_final(concurrent, run.scenario.within)


@contextlib.asynccontextmanager
async def _followed(run: Run, namespace: str, batch: Batch) -> AsyncIterator[Follower]:
    follower = Follower(run.api, namespace, [batch])
    following = asyncio.create_task(follower.run(await run.api.version(namespace)))
    try:
        yield follower
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@contextlib.asynccontextmanager
async def _emptied(run: Run) -> AsyncIterator[None]:
    """Stop the controller and remove all notifications afterwards, except after an interruption.

    Then the API server ends as well, and may have ended before. Empty namespaces remain, because no
    controller deletes them.
    """
    try:
        yield
    except Exception:
        await _empty(run)
        raise
    await _empty(run)


async def _empty(run: Run) -> None:
    await asyncio.to_thread(run.measured.controller.stop)
    async with asyncio.timeout(GONE_WITHIN):
        for namespace in run.namespaces:
            while not await run.api.is_empty(namespace):
                await run.api.remove_some(namespace)
