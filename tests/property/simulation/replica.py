"""One process of the operator: the real floors, put together as the engine does, in the simulated cluster."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from notification_operator.announce.announcer import Announcer
from notification_operator.announce.figures import Figures
from notification_operator.bell import Bell
from notification_operator.delivery.breaker import Breakers
from notification_operator.delivery.dispatch import Dispatcher
from notification_operator.delivery.ledger import Ledger
from notification_operator.domain.routing_state import RoutingState
from notification_operator.leases import Elector
from notification_operator.metrics import Metrics
from notification_operator.reconcile import Reconciler
from notification_operator.sanitizer import Sanitizer
from notification_operator.workqueue import WorkQueue
from tests.property.simulation.network import PASS, Network, Pass, SimulatedLeases, SimulatedStore
from tests.property.simulation.receivers import SimulatedChannel
from tests.property.simulation.watch import SimulatedWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.aio.client import V1Lease

    from atomic_status import StatusStore
    from notification_operator.announce.announcer import Listener
    from notification_operator.domain.breaker import Limits
    from notification_operator.workqueue import Done, Key
    from tests.property.simulation.cluster import Cluster
    from tests.property.simulation.receivers import Call
    from tests.property.simulation.tape import Tape

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
METRICS = Metrics()
"""One for all: a registry takes longer to make than a schedule to run."""
LEASE_SECONDS = 12
TIMEOUT = 10.0


class Replica:
    """Starts working when it is made, until it is stopped or killed."""

    def __init__(
        self,
        name: str,
        *,
        cluster: Cluster,
        leases: dict[str, V1Lease] | None,
        tape: Tape,
        channels: tuple[str, ...],
        limits: Limits,
        workers: int,
        note_call: Callable[[Call], None],
        note_pass: Callable[[Pass, Key], None],
        listener: Listener,
        tell: Callable[[str], None],
        store: Callable[[Replica], StatusStore] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()

        def clock() -> datetime:
            return START + timedelta(seconds=loop.time())

        self.name = name
        self._tell = tell
        self._note_pass = note_pass
        self.cluster = cluster
        self.network = Network(tape, tell, name)
        self.ledger = Ledger()
        figures = Figures(METRICS)
        self.reconciler = Reconciler(
            store=store(self) if store else SimulatedStore(cluster, self.network),
            ledger=self.ledger,
            dispatcher=Dispatcher(
                {channel: SimulatedChannel(channel, self.network, tape, note_call) for channel in channels},
                breakers=Breakers(limits, clock=clock),
                timeout=TIMEOUT,
                concurrency=64,
                clock=clock,
            ),
            rules=RoutingState,
            announcer=Announcer(listener),
            figures=figures,
            sanitizer=Sanitizer(),
            ring=lambda key: self.queue.add(key),  # noqa: PLW0108 - made below
            clock=clock,
            visible_after=0.25,
        )
        self.queue = WorkQueue(process=self._process, workers=workers, clock=clock)
        bell = Bell(
            self.queue,
            serves=lambda _name: True,
            gone=self.ledger.forget,
            ended=lambda _uid: None,
            holds=self.ledger.holds,
        )
        self.watch = SimulatedWatch(cluster, self.network, bell, tape)
        self._tasks: list[asyncio.Task[Any]] = [loop.create_task(self.queue.run())]
        self.on_lead: Callable[[Replica, bool], None] = lambda _replica, _leading: None
        self.elector = None
        if leases is None:
            self.queue.resume()
        else:
            self.elector = Elector(
                SimulatedLeases(leases, self.network),
                namespace="operator",
                name="lease",
                identity=name,
                seconds=LEASE_SECONDS,
                on_change=self._lead,
                clock=loop.time,
            )
            self._tasks.append(loop.create_task(self.elector.run()))
        self.watch.start()
        tell(f"{name}: starts")

    async def _process(self, key: Key, queued_at: datetime) -> Done:
        made = Pass()
        token = PASS.set(made)
        try:
            return await self.reconciler(key, queued_at)
        finally:
            PASS.reset(token)
            self._note_pass(made, key)

    def _lead(self, leading: bool) -> None:  # noqa: FBT001 - the elector's callback
        self._tell(f"{self.name}: {'leads' if leading else 'stands by'}")
        if leading:
            self.queue.resume()
        else:
            self.queue.pause()
        self.on_lead(self, leading)

    def kill(self) -> None:
        """End it as SIGKILL does: whatever it is at, nothing of it reaches anybody any more."""
        self._tell(f"{self.name}: is killed")
        self.network.dead = True
        self.watch.stop()
        self.ledger.cancel()
        for task in self._tasks:
            task.cancel()

    async def ended(self) -> None:
        """Wait until nothing of it runs."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def leftovers(self) -> dict[str, int]:
        """Return what it still keeps, by name."""
        queue = self.queue
        # A standby that has missed a deletion finds out when it leads.
        stands_by = self.elector is not None and not self.elector.leading
        kept = {
            "waiting": 0 if stands_by else queue.waiting,
            "running": queue.running,
            "delayed": queue.delayed,
            "remembered versions": len(queue._seen),
            "remembered failures": len(queue._failures),
            "in flight": self.ledger.in_flight,
            "unsaved": self.ledger.unsaved,
        }
        return {name: number for name, number in kept.items() if number}
