"""The ends of one process that concern receivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_contract.kinds.choices import CircuitState
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.fold import entry_of
from notification_domain.receivers.health import assess
from notification_operator.ports import ReceiverPorts
from tests.simulation.receivers.far_ends import FarEnds, SimulatedFactory
from tests.simulation.receivers.seen import HOME, Seen
from tests.simulation.receivers.status_store import ReceiverStatusStore, StatusReconciliation
from tests.simulation.receivers.watches import SimulatedWatches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.process import Process
    from tests.simulation.receivers.api_objects import ApiObjects, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverEnds:
    """What all processes share that concerns receivers."""

    objects: ApiObjects
    far_ends: FarEnds
    on_write: Callable[[dict[str, Any], dict[str, Any], StatusReconciliation], None]
    on_reconciled: Callable[[StatusReconciliation], None]

    def of(self, process: Process) -> ProcessReceivers:
        """Return the ends of one process."""
        return ProcessReceivers(self, process)


class ProcessReceivers:
    """The ends of one process: its watches, its store of statuses, and its channels."""

    def __init__(self, ends: ReceiverEnds, process: Process) -> None:
        environment, network = process.environment, process.network
        self._process = process
        self.seen = Seen()
        self.watches = SimulatedWatches(
            ends.objects, network, environment.choices, outages=environment.outages, seen=self.seen
        )
        self.ports = ReceiverPorts(
            watches=self.watches,
            store=ReceiverStatusStore(
                ends.objects,
                network,
                replica=process.replica,
                clock=process.clock,
                owns=self._owns,
                view=self._view,
                on_write=ends.on_write,
                on_reconciled=ends.on_reconciled,
            ),
            home=HOME,
            factory=SimulatedFactory(
                ends.far_ends, network, environment.choices, process.on_call, clock=process.clock
            ),
        )

    def _owns(self, uid: str) -> bool:
        """Return whether the process works on an object now."""
        return self._process.operator.ownership.owns(uid)

    def _view(self, place: Place) -> tuple[object, ...]:
        """Return what the process has seen of a receiver, and how it finds its health."""
        process = self._process
        health = process.operator.endpoints.health(ReceiverKey(place.namespace, place.name))
        condition = assess(entry_of(process.replica, health, process.clock()))
        closed = health.circuit in {None, CircuitState.CLOSED}
        return self.seen.identity(place), condition.status, condition.reason, closed
