"""The way between an operator and the API server: slow, unreliable, and shared by store, watch and Lease."""

from __future__ import annotations

import asyncio
import copy
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubernetes.aio.client.exceptions import ApiException

from atomic_status import Conflict, Gone, ObjectRef, Unavailable
from tests.property.simulation.cluster import ConflictError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.aio.client import V1Lease

    from tests.property.simulation.cluster import Cluster
    from tests.property.simulation.tape import Tape

DELAYS = (0.001, 0.0, 0.002, 0.02, 0.3, 1.5)
"""Seconds that one way takes."""


@dataclass(slots=True)
class Pass:
    """What one pass has asked of the API server."""

    reads: int = 0
    writes: int = 0
    conflicts: int = 0


PASS: ContextVar[Pass | None] = ContextVar("PASS", default=None)


class Network:
    """One operator's connection; `calm` ends the faults, `cut` ends everything."""

    def __init__(self, tape: Tape, tell: Callable[[str], None], name: str) -> None:
        self._tape = tape
        self._tell = tell
        self.name = name
        self.rough = True
        self.dead = False

    async def way(self) -> None:
        """Take the time of one way."""
        await asyncio.sleep(self._tape.pick(DELAYS) if self.rough else 0.001)
        if self.dead:
            raise asyncio.CancelledError

    def breaks(self, what: str) -> bool:
        """Return whether this way is lost."""
        lost = self.rough and self._tape.chance(4)
        if lost:
            self._tell(f"{self.name}: {what} is lost")
        return lost


class SimulatedStore:
    """A StatusStore that reads the truth, over the network."""

    def __init__(self, cluster: Cluster, network: Network) -> None:
        self._cluster = cluster
        self._network = network

    async def read(self, ref: ObjectRef) -> dict[str, Any]:
        """See `StatusStore.read`."""
        self._count("reads")
        await self._go(ref, "a read")
        try:
            found = self._look(ref)
        except MissingError:
            raise Gone(ref) from None
        await self._go(ref, "the answer to a read")
        return found

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """See `StatusStore.replace_status`."""
        meta = obj["metadata"]
        ref = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        await self._go(ref, "a write")
        try:
            stored = self._write(obj)
        except ConflictError:
            self._count("conflicts")
            raise Conflict(ref) from None
        except MissingError:
            raise Gone(ref) from None
        self._count("writes")
        await self._go(ref, "the answer to a write")
        return stored

    def _look(self, ref: ObjectRef) -> dict[str, Any]:
        return self._cluster.read(ref.name)

    def _write(self, obj: dict[str, Any]) -> dict[str, Any]:
        return self._cluster.replace_status(obj, who=self._network.name)

    async def _go(self, ref: ObjectRef, what: str) -> None:
        await self._network.way()
        if self._network.breaks(what):
            raise Unavailable(ref, reason="simulated")

    def _count(self, what: str) -> None:
        made = PASS.get()
        if made is not None:
            setattr(made, what, getattr(made, what) + 1)


class SimulatedLeases:
    """The calls of CoordinationV1Api that the elector makes, over the network."""

    def __init__(self, leases: dict[str, V1Lease], network: Network) -> None:
        self._leases = leases
        self._network = network

    async def read_namespaced_lease(self, name: str, _namespace: str) -> V1Lease:
        """Return the Lease."""
        await self._go("a look at the Lease")
        if name not in self._leases:
            raise ApiException(status=404)
        return copy.deepcopy(self._leases[name])

    async def create_namespaced_lease(self, _namespace: str, body: V1Lease) -> V1Lease:
        """Store a first Lease."""
        await self._go("a new Lease")
        if body.metadata.name in self._leases:
            raise ApiException(status=409)
        return self._put(body, 1)

    async def replace_namespaced_lease(self, name: str, _namespace: str, body: V1Lease) -> V1Lease:
        """Store a Lease by optimistic concurrency."""
        await self._go("a renewal")
        version = int(self._leases[name].metadata.resource_version)
        if str(version) != body.metadata.resource_version:
            raise ApiException(status=409)
        stored = self._put(body, version + 1)
        await self._go("the answer to a renewal")
        return stored

    def _put(self, lease: V1Lease, version: int) -> V1Lease:
        stored = self._leases[lease.metadata.name] = copy.deepcopy(lease)
        stored.metadata.resource_version = str(version)
        return copy.deepcopy(stored)

    async def _go(self, what: str) -> None:
        await self._network.way()
        if self._network.breaks(what):
            raise ApiException(status=500)
