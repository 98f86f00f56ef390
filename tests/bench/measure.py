"""Measures one scenario with one operator, from empty namespaces to the figures."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tests.bench.api import api
from tests.bench.calls import calls
from tests.bench.generator import CREATORS, Batch, create, followed
from tests.bench.machine import memory
from tests.bench.results import Result, Wait
from tests.bench.scenarios import Channel, Load
from tests.bench.tenants import CONTEXTS
from tests.bench.watcher import Watcher
from tests.harness.receivers import Receivers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bench.api import Api
    from tests.bench.calls import Calls
    from tests.bench.place import Bench, Side
    from tests.bench.scenarios import Scenario
    from tests.harness.operator_process import OperatorProcess
    from tests.harness.receiver_types import ReceiverType
    from tests.harness.receivers import StoredReceiver

SETTLE_SECONDS = 3.0
"""The delay before the memory of an idle operator is read, and until its last calls are logged."""
LISTED = 100
"""Incidents that are listed to measure one listing."""
FINAL_WITHIN = GONE_WITHIN = 1200.0
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
DOWN = 1_000_000
"""More failures than any notification has attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Readings while the load was processed."""

    since: datetime
    before: Mapping[str, float]
    """CPU seconds."""
    after: Mapping[str, float]
    first_end: float | None = None
    wait: Wait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The parts of a measurement. The operator watches `namespace`, and others with `labels`; an outage lasts `away` seconds."""

    scenario: Scenario
    bench: Bench
    api: Api
    operator: OperatorProcess
    namespace: str
    labels: Mapping[str, str]
    receivers: Receivers
    away: float

    async def calls(self, since: datetime) -> Calls:
        """Count the calls once the last ones are in the audit log."""
        await asyncio.sleep(SETTLE_SECONDS)
        return calls(self.bench.control_plane.audit, self.operator.account, self.namespace, since)

    def answer(self, failing: int) -> None:
        self.bench.sink.answer(failing=failing, delay=self.scenario.delay)

    def receiver(
        self, kind: ReceiverType | str = "webhook", *, block: Mapping[str, Any] = NOTHING, **spec: Any
    ) -> StoredReceiver:
        """Create a receiver in the operator's namespace that leads to the sink, a webhook with a URL; wait until it is ready."""
        sink, fields = self.bench.sink, {"allowedNetworks": ["127.0.0.0/8"], **block}
        if kind == "webhook":
            fields = {"url": sink.secure_url, "headersSecretRef": None, **fields}
        if "tls" not in spec:
            spec["tls"] = {"caSecretRef": {"name": self.receivers.secret({"ca.crt": sink.authority})}}
        return self.receivers.add(kind, secret=False, block=fields, **spec)

    def new_namespace(self) -> str:
        """Create another namespace that the operator watches."""
        return self.bench.cluster.create_namespace(dict(self.labels))


async def measure(scenario: Scenario, side: Side, bench: Bench, *, away: float) -> Result:
    """Measure, and leave no notification and no receiver in the cluster; an outage lasts `away` seconds."""
    async with api(bench.cluster, bench.token, connections=CREATORS * 8) as server:
        with bench.operator(side, scenario.settings) as (operator, labels):
            run = Run(
                scenario=scenario,
                bench=bench,
                api=server,
                operator=operator,
                namespace=bench.cluster.create_namespace(dict(labels)),
                labels=labels,
                receivers=Receivers(bench.cluster, sink=bench.sink.url, home=operator.namespace),
                away=away,
            )
            try:
                result = await _measure(run, side)
            # Not after an interruption: then the API server ends as well, and may have ended before.
            except Exception:
                await _empty(run)
                raise
            await _empty(run)
            return result


async def _measure(run: Run, side: Side) -> Result:
    scenario, at = run.scenario, datetime.now(UTC)
    run.answer(DOWN if scenario.outage else scenario.failing)
    receiver = _receiver(run)
    await asyncio.to_thread(run.operator.start)
    if receiver:
        await asyncio.to_thread(receiver.ready)
    before = Batch(load=Load(scenario.finished), first=0)
    async with followed(run.api, run.namespace, before) as follower:
        await create(run.api, run.namespace, before)
        await follower.until_final(FINAL_WITHIN)
    await asyncio.sleep(SETTLE_SECONDS)
    idle = memory(run.operator.pid).now
    main = Batch(load=scenario.load, first=scenario.finished, receiver=receiver)
    watcher, observed = Watcher(run.operator, main), None
    if scenario.others:
        async with watcher.watching(), CONTEXTS[scenario.others](run) as crowd:
            timed = await _under_load(run, main)
        observed = watcher.observed(crowd.created)
    else:
        timed = await (_restarted(run, main) if scenario.restart else _under_load(run, main))
    counted = await run.calls(timed.since)
    held, cuts = memory(run.operator.pid), quantiles(main.latencies, n=100, method="inclusive")
    return Result(
        scenario=scenario.name,
        side=side.value,
        commit=run.bench.sources[side].commit,
        at=at.replace(microsecond=0),
        count=len(main.final),
        seconds=round(main.seconds, 2),
        p50_ms=round(cuts[49] * 1000, 1),
        p99_ms=round(cuts[98] * 1000, 1),
        phases=dict(sorted(main.phases.items())),
        calls=counted.by_verb,
        most_calls=counted.most,
        cpu_seconds={name: round(timed.after[name] - used, 2) for name, used in timed.before.items()},
        idle_mb=idle,
        peak_mb=max(held.peak, watcher.operator_mb),
        after_mb=held.now,
        first_end=timed.first_end,
        wait=timed.wait,
        observed=observed,
        listing_seconds=await _listing_seconds(run, main) if scenario.load.incidents else None,
    )


async def _listing_seconds(run: Run, main: Batch) -> float:
    """Return the CPU time of the API server for one listing of an incident.

    It does more than that during an outage: it collects the garbage of all that it has in memory, and checks that.
    """
    before, keys = run.bench.used(None)["API server"], list(main.final)[:LISTED]
    for key in keys:
        await run.api.incident(run.namespace, key)
    return (run.bench.used(None)["API server"] - before) / len(keys)


def _receiver(run: Run) -> StoredReceiver | None:
    """Create the receiver of the load, if it goes to one."""
    channel = run.scenario.load.channel
    if channel is Channel.FALLBACK:
        steady = run.receiver(block={"url": f"{run.bench.sink.secure_url}/?steady"})
        return run.receiver(fallback={"name": steady.name})
    return run.receiver(suspend=run.scenario.outage) if channel is Channel.RECEIVER else None


async def _under_load(run: Run, main: Batch) -> Timed:
    async with followed(run.api, run.namespace, main) as follower:
        since, before, start = datetime.now(UTC), run.bench.used(run.operator.pid), time.perf_counter()
        await create(run.api, run.namespace, main)
        wait = None
        if run.scenario.outage:
            await asyncio.sleep(max(0.0, start + run.away - time.perf_counter()))
            meanwhile, returned = await run.calls(since), time.perf_counter()
            run.answer(0)
            if main.receiver:
                main.receiver.patch(suspend=False)
        await follower.until_final(FINAL_WITHIN)
        if run.scenario.outage:
            wait = Wait(
                seconds=round(returned - start, 1),
                calls_each=round(meanwhile.total / main.load.count, 2),
                last_end=round(max(main.final.values()) - returned, 2),
            )
        return Timed(since=since, before=before, after=run.bench.used(run.operator.pid), wait=wait)


async def _restarted(run: Run, main: Batch) -> Timed:
    """Stop the operator, create the load, and measure a new process."""
    await asyncio.to_thread(run.operator.stop)
    await create(run.api, run.namespace, main)
    async with followed(run.api, run.namespace, main) as follower:
        since, before, began = datetime.now(UTC), run.bench.used(None), time.perf_counter()
        starting = asyncio.create_task(asyncio.to_thread(run.operator.start))
        await follower.until_final(FINAL_WITHIN)
        await starting
        after = run.bench.used(run.operator.pid)
    # Each one has waited since the start of the process.
    main.created = dict.fromkeys(main.created, began)
    first_end = round(min(main.final.values()) - began, 2)
    return Timed(since=since, before=before, after=after, first_end=first_end)


async def _empty(run: Run) -> None:
    """Stop the operator and delete everything. Empty namespaces remain, because no controller deletes them."""
    await asyncio.to_thread(run.operator.stop)
    run.receivers.delete_all()
    async with asyncio.timeout(GONE_WITHIN):
        await run.api.remove_all(run.namespace)
