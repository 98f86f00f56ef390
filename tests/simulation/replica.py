"""One process of the operator: the real engine, its floors put together on simulated ground."""

from __future__ import annotations

import asyncio
import copy
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from notification_contract.settings import Audit
from notification_operator.app import Engine
from notification_operator.controller.reconciler import Reconciler
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.delivery.attempt_tracker import Ledger
from notification_operator.delivery.breakers import Breakers
from notification_operator.delivery.dispatcher import Dispatcher
from notification_operator.domain.redaction.redactor import Redactor
from notification_operator.domain.routing.state import RoutingState
from notification_operator.domain.sharding import shard_of
from notification_operator.leadership.elector import Elector
from notification_operator.leadership.lease import Terms
from notification_operator.leadership.ownership import Duty
from notification_operator.observers.audit.observer import AuditObserver
from notification_operator.observers.metrics import MetricsObserver
from notification_operator.observers.publisher import Publisher
from notification_operator.telemetry.metrics import Metrics
from notification_operator.watch.event_handler import Bell
from tests.simulation.audit_log import SimulatedAuditStore
from tests.simulation.ground import SETTINGS, START
from tests.simulation.lease_api import SimulatedLeases
from tests.simulation.network import Network
from tests.simulation.receivers import SimulatedChannel
from tests.simulation.store import PASS, Pass, SimulatedStore
from tests.simulation.watch import SimulatedWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from notification_operator.controller.workqueue import Done, Key
    from notification_operator.leadership.lease import Lease
    from notification_operator.observers.publisher import Observer
    from tests.simulation.audit_log import AuditLog
    from tests.simulation.ground import Ground
    from tests.simulation.receivers import Call

LEASE_SECONDS = SETTINGS.leader_election.lease_seconds
MANY = 5
"""Failures in a row after which a pass is made again no sooner than in seconds."""
METRICS = Metrics()
"""The counters of all processes: a registry takes longer to make than a schedule to run."""
SILENT = AuditObserver(Audit(), registry=CollectorRegistry())


class _Ledger(Ledger):
    """Remembers when it was given up while it still held anything."""

    gave_up_at: float | None = None

    def cancel(self) -> None:
        if not self.is_empty:
            self.gave_up_at = asyncio.get_running_loop().time()
        super().cancel()


class Replica(Engine):
    """Starts working when it is made, until it is stopped or killed; `stop` is the engine's own."""

    def __init__(
        self,
        name: str,
        ground: Ground,
        *,
        observer: Observer,
        on_share: Callable[[Replica, frozenset[int]], None],
        crash: Callable[[Replica], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.ground = ground
        self.network = Network(ground.tape, ground.tell, name)
        self.network.crash = lambda: crash(self)
        self._settings = SETTINGS
        self._stopped = self.stops_in_peace = False
        self._on_share = on_share
        self.finished = asyncio.Event()
        self.lost_events = 0
        self.metrics = copy.copy(METRICS)
        self.metrics._phases = {}
        self.ledger: _Ledger = _Ledger()
        self.audit = SILENT if ground.audit_log is None else self._audit(ground.audit_log)
        self.routing: Any = SimpleNamespace(known=True)
        self._held: frozenset[int] = frozenset()
        """What it held when it last heard of a change."""
        self.given: set[int] = set()
        """Those that it last found nothing of under way."""
        self.elector = None if ground.leases is None else self._elector_of(ground.leases)
        self._build(Publisher(observer, self.audit))
        nothing: Any = _Nothing()
        self.poster = self.health = self.client = nothing
        self._tasks: list[asyncio.Task[None]] = [loop.create_task(self.queue.run())]
        if self.elector is not None:
            self._tasks.append(loop.create_task(self.elector.run()))
        self.audit.start()
        self.watch.start()
        ground.tell(f"{name}: starts{f', for {self.duty.shards} shards' if self.duty.shards > 1 else ''}")

    def _build(self, publisher: Publisher) -> None:
        loop, ground = asyncio.get_running_loop(), self.ground

        def clock() -> datetime:
            return START + timedelta(seconds=loop.time())

        figures = MetricsObserver(self.metrics)
        self.dispatcher = Dispatcher(
            {name: self._channel(name) for name in ground.channels},
            breakers=Breakers(ground.limits, clock=clock),
            timeout=SETTINGS.delivery.timeout_seconds,
            concurrency=SETTINGS.delivery.concurrency_per_channel,
            clock=clock,
        )
        self.reconciler = Reconciler(
            store=ground.store(self) if ground.store else self.real_store(),
            ledger=self.ledger,
            dispatcher=self.dispatcher,
            rules=RoutingState,
            publisher=publisher,
            figures=figures,
            redactor=Redactor(),
            ring=lambda key: self.queue.add(key),  # noqa: PLW0108 - made below
            begins=lambda uid: self.duty.owns(uid),  # noqa: PLW0108 - so is this
            aside=lambda key, wait: self.queue.aside(key, wait),  # noqa: PLW0108 - so is this
            clock=clock,
            visible_after=SETTINGS.delivery.visible_after_seconds,
        )
        self.queue = WorkQueue(
            process=self._process,
            starts=lambda key: self.duty.starts(key),  # noqa: PLW0108 - made below
            workers=ground.workers,
            clock=clock,
        )
        self.duty = Duty(elector=self.elector, ledger=self.ledger, queue=self.queue, knows_rules=lambda: True)
        self.bell = Bell(
            self.queue,
            serves=lambda _name: True,
            over=self._forget,
            holds=lambda uid: self.ledger.holds(uid) and self.duty.records(uid),
        )
        self.watch = SimulatedWatch(ground.cluster, self.network, self.bell, ground.tape)

    def real_store(self) -> SimulatedStore:
        """Return the store as the real one is."""
        return SimulatedStore(self.ground.cluster, self.network, lambda: self._stopped)

    def _channel(self, name: str) -> SimulatedChannel:
        def note(call: Call) -> None:
            self.ground.note_call(call, PASS.get())

        return SimulatedChannel(name, self.network, self.ground.tape, note)

    def _audit(self, log: AuditLog) -> AuditObserver:
        store = SimulatedAuditStore(log, self.network)
        return AuditObserver(Audit(url="http://audit.example"), registry=CollectorRegistry(), store=store)

    def _elector_of(self, leases: dict[str, Lease]) -> Elector:
        return Elector(
            SimulatedLeases(leases, self.network),
            name="lease",
            terms=Terms(identity=self.name, seconds=LEASE_SECONDS, shards=self.ground.shards()),
            on_change=self._shared,
            drained=self._drained,
            clock=asyncio.get_running_loop().time,
        )

    async def _process(self, key: Key, queued_at: datetime) -> Done:
        made = Pass()
        token = PASS.set(made)
        try:
            return await self.reconciler(key, queued_at)
        finally:
            PASS.reset(token)
            self.ground.note_pass(made, key)

    def _shared(self) -> None:
        elector = self.elector
        assert elector is not None
        held, works = self._held, elector.working
        self._held = self.holds
        if elector.shards == 1:
            self.ground.tell(f"{self.name}: {'leads' if works else 'stands by'}")
        else:
            self.ground.tell(
                f"{self.name}: works on {sorted(works)}, gives back {sorted(self.holds - works)}"
            )
        self._on_share(self, held - self.holds)
        self._changed()

    def _drained(self, shard: int) -> bool:
        drained = self.duty.drained(shard)
        (self.given.add if drained else self.given.discard)(shard)
        return drained

    @property
    def holds(self) -> frozenset[int]:
        """The shards that are its own, also those that it is about to give back."""
        claims = [] if self.elector is None else self.elector._claims
        return frozenset(number for number, claim in enumerate(claims) if claim.own)

    @property
    def leads(self) -> bool:
        """Whether it works on anything, and lives."""
        return not self.network.dead and self.duty.owned > 0

    def has(self, uid: str) -> bool:
        """Return whether an object is its own, and it lives."""
        return not self.network.dead and (
            self.elector is None or shard_of(uid, self.elector.shards) in self.holds
        )

    async def stop(self) -> None:
        """Stop in good order, as kopf has it: the watch first, then the engine."""
        self.ground.tell(f"{self.name}: stops")
        self.stops_in_peace = self._in_peace()
        self.watch.stop()
        await super().stop()
        self.ground.tell(f"{self.name}: has stopped")

    def _in_peace(self) -> bool:
        """Return whether nothing is in the way of what is under way: then a stop gives nothing up."""
        soon = max(self.queue._failures.values(), default=0) < MANY
        return soon and self.elector is None and not (self.network.rough or self.network.hanging)

    def kill(self) -> None:
        """End it as SIGKILL does: whatever it is at, nothing of it reaches anybody any more."""
        self.network.dead = True
        self.watch.stop()
        self.ledger.cancel()
        for task in (*self._tasks, self.audit._writer._task):
            if task is not None:
                task.cancel()

    async def ended(self) -> None:
        """Wait until nothing of it runs."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def lost(self) -> int:
        """How many audit events it has given up."""
        return self.audit.statistics().dropped

    @property
    def audit_failures(self) -> int:
        """The most audit batches in a row that the store did not take."""
        store: Any = self.audit._store
        return store.failures if isinstance(store, SimulatedAuditStore) else 0

    def leftovers(self) -> dict[str, int]:
        """Return what it still keeps, by name; what is not its own it clears up when it becomes so."""
        queue = self.queue

        def own(keys: Iterable[Key]) -> int:
            return sum(self.has(key.uid) for key in keys)

        kept = {
            "waiting": own(queue._queued_at),
            "held back": own(queue._held_back),
            "running": queue.running,
            "delayed": own(queue._timers),
            "remembered versions": own(queue._seen),
            "remembered failures": own(queue._failures),
            "in flight": self.ledger.in_flight,
            "unsaved": sum(len(self.ledger.over(uid)) for uid in self.ledger.uids if self.has(uid)),
            "counted as active": sum(self.has(uid) for uid in self.metrics.active),
            "audit events": self.audit.statistics().pending,
        }
        return {name: number for name, number in kept.items() if number}


class _Nothing:
    """Stands where the engine has something that is to be stopped and does nothing here."""

    async def stop(self) -> None:
        """Stop."""

    async def close(self, _seconds: float = 0.0) -> int:
        """Close."""
        return 0
