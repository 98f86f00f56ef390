"""One process of the operator: the composition that ships, with simulated ports."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from notification_domain.key import shard_of
from notification_operator.lifecycle import Lifecycle
from notification_operator.ports import Ports
from notification_operator.wiring import build
from notification_runtime.kube.events import Regarding
from notification_runtime.telemetry.metrics import Metrics, WaitingMessages
from tests.simulation.audit_store import AuditLog, SimulatedAuditStore
from tests.simulation.channels import Call, SimulatedChannel
from tests.simulation.chat import CHAT
from tests.simulation.environment import GRACE_SECONDS, now
from tests.simulation.leases import SimulatedLeases
from tests.simulation.network import Network
from tests.simulation.null_ports import NoEvents, SimulatedDocument
from tests.simulation.objects import SimulatedObjects
from tests.simulation.status_store import CURRENT, SimulatedStore
from tests.simulation.virtual_loop import PROCESS, VirtualLoop
from tests.simulation.watch import SimulatedWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from notification_contract.kinds.choices import Phase
    from notification_operator.observers.publisher import Observer
    from notification_runtime.telemetry.gauges import ElectorStatistics
    from tests.simulation.environment import Environment

MANY_FAILURES = 5
"""Consecutive failures after which a reconciliation is retried only after seconds."""
METRICS = Metrics()
"""The counters of all processes: a registry takes longer to create than a schedule takes to run."""
POD = Regarding(api_version="v1", kind="Pod", namespace="simulated", name="operator")


class Process:
    """Works from `start` until it is stopped or killed."""

    def __init__(
        self,
        name: str,
        environment: Environment,
        *,
        observer: Observer,
        on_shards: Callable[[Process, ElectorStatistics, frozenset[int]], None],
        crash: Callable[[Process], None],
        replica: str = "",
    ) -> None:
        self.name = name
        self.replica = replica or name
        """The name of its pod, which outlives a container."""
        self.environment = environment
        self.network = Network(
            environment.choices,
            environment.log,
            name,
            outages=environment.outages,
            crash=lambda: crash(self),
        )
        self.clock_offset = timedelta()
        """How far its wall clock is ahead of the true time."""
        self.stops_undisturbed = False
        self._on_shards = on_shards
        self._owned: frozenset[int] = frozenset()
        """The shards that were owned at the latest change."""
        self._audit_store = SimulatedAuditStore(
            environment.audit_log or AuditLog(), self.network, environment.choices, environment.outages
        )
        self._metrics = SimulatedMetrics()
        self.receivers = None if environment.receivers is None else environment.receivers.of(self)
        self.operator = build(
            environment.settings(),
            self._ports(observer),
            clock=self.clock,
            seconds=asyncio.get_running_loop().time,
        )
        self.watch = SimulatedWatch(
            environment.cluster,
            self.network,
            self.operator.event_handler,
            environment.choices,
            outages=environment.outages,
        )
        self.lifecycle = Lifecycle(
            self.operator,
            closed_seconds=lambda: self.watch.closed_seconds,
            grace_seconds=GRACE_SECONDS,
        )

    def clock(self) -> datetime:
        """Return the time by its wall clock."""
        return now() + self.clock_offset

    def start(self) -> None:
        """Start working."""
        contextvars.copy_context().run(self._start)

    def _start(self) -> None:
        PROCESS.set(self.name)
        self.lifecycle.start()
        self.watch.start()
        shards = self.operator.ownership.statistics().shards
        self.environment.log(f"{self.name}: starts{f' with {shards} shards' if shards > 1 else ''}")

    def _ports(self, observer: Observer) -> Ports:
        environment = self.environment
        return Ports(
            store=environment.store(self) if environment.store else SimulatedStore(self),
            leases=SimulatedLeases({} if environment.leases is None else environment.leases, self.network),
            objects=SimulatedObjects(environment.cluster, self.network),
            routing=SimulatedDocument(environment.config_maps),
            receivers=None if self.receivers is None else self.receivers.ports,
            channels={
                name: SimulatedChannel(
                    self.network,
                    environment.choices,
                    self.on_call,
                    clock=self.clock,
                    chat=environment.chat if name == CHAT else None,
                )
                for name in environment.channels
            },
            audit=self._audit_store,
            events=NoEvents(),
            metrics=self._metrics,
            pod=POD,
            identity=self.name,
            replica=self.replica,
            observers=(observer,),
            elector_observers=(self._shards_changed,),
        )

    def on_call(self, call: Call) -> None:
        """Report a call of a channel, with the reconciliation that started its attempt."""
        reconciliation = CURRENT.get()
        assert reconciliation is not None
        self.environment.on_call(call, reconciliation)

    def relist(self) -> None:
        """Break every watch, and list again."""
        self.watch.relist()
        if self.receivers is not None:
            self.receivers.watches.relist()

    def _shards_changed(self, elector: ElectorStatistics) -> None:
        if elector.shards == 1:
            self.environment.log(f"{self.name}: {'leads' if elector.working else 'stands by'}")
        else:
            leaving = sorted(elector.owned - elector.working)
            self.environment.log(f"{self.name}: works on {sorted(elector.working)}, releases {leaving}")
        lost, self._owned = self._owned - elector.owned, elector.owned
        self._on_shards(self, elector, lost)

    @property
    def stopping(self) -> bool:
        """Whether a shutdown has begun."""
        return not self.operator.ownership.accepting_work

    @property
    def owned(self) -> frozenset[int]:
        """The shards that it owns, also the ones that it is about to release; none without leader election."""
        elector = self.operator.elector
        return frozenset() if elector is None else elector.statistics().owned

    @property
    def leads(self) -> bool:
        """Whether it is alive and works on any shard."""
        return not self.network.dead and bool(self.operator.ownership.statistics().working)

    def owns(self, uid: str) -> bool:
        """Return whether it is alive and an object is its own."""
        elector = self.operator.elector
        shard_key = self.environment.cluster.shard_keys[uid]
        return not self.network.dead and (
            elector is None or shard_of(shard_key, elector.shards) in self.owned
        )

    def works_on(self, uid: str) -> bool:
        """Return whether an object is its own, and its shard stays."""
        elector = self.operator.elector
        shard_key = self.environment.cluster.shard_keys[uid]
        return elector is None or shard_of(shard_key, elector.shards) in elector.statistics().working

    async def stop(self) -> None:
        """Stop in order, as kopf does: first the watch, then the operator."""
        self.environment.log(f"{self.name}: stops")
        self.stops_undisturbed = self._is_undisturbed()
        self.watch.stop()
        await self.lifecycle.stop()
        self.environment.log(f"{self.name}: has stopped")

    def _is_undisturbed(self) -> bool:
        """Return whether nothing disturbs what is running: then a shutdown abandons nothing."""
        soon = self.operator.queue.statistics().most_failures < MANY_FAILURES
        disturbed = self.network.rough or self.network.hanging or self.environment.outages.any
        return soon and self.operator.elector is None and not disturbed

    def kill(self) -> None:
        """End it as SIGKILL does: nothing that it does reaches anything any more."""
        self.network.dead = True
        self.watch.stop()
        self.operator.attempts.cancel()
        for task in self._tasks:
            task.cancel()

    async def ended(self) -> None:
        """Wait until none of its tasks is running."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _tasks(self) -> Sequence[asyncio.Task[Any]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return [task for task in loop.tasks_of(self.name) if not task.done()]

    @property
    def lost_audit_events(self) -> int:
        """The number of audit events that it has dropped."""
        return self.operator.audit.statistics().dropped

    def leftovers(self) -> dict[str, int]:
        """Return what it still keeps, by name; it keeps foreign objects until it owns them."""
        operator = self.operator
        queue, attempts = operator.queue, operator.attempts
        kept = {
            "queue keys": sum(self.owns(key.uid) for key in queue.keys),
            "running": queue.statistics().running,
            "in flight": attempts.statistics().running,
            "unrecorded": sum(len(attempts.finished(key.uid)) for key in attempts.keys if self.owns(key.uid)),
            "counted as active": sum(map(self.owns, self._metrics.active)),
            "counted as waiting": sum(count for _, count in self._metrics.waiting.totals()),
            "audit events": operator.audit.statistics().pending,
        }
        return {name: number for name, number in kept.items() if number}


class SimulatedMetrics(Metrics):
    """The active notifications of one process; the counters are shared by all."""

    def __init__(self) -> None:
        vars(self).update(vars(METRICS))
        self.registry = CollectorRegistry()
        self._phases, self.waiting = {}, WaitingMessages()

    def enter(self, uid: str, phase: Phase) -> None:
        """See `Metrics.enter`."""
        self._phases[uid] = phase

    def leave(self, uid: str) -> None:
        """See `Metrics.leave`."""
        self.waiting.forget(uid)
        self._phases.pop(uid, None)
