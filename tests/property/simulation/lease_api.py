"""The calls of CoordinationV1Api that the elector makes, over the network."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from kubernetes.aio.client.exceptions import ApiException

from tests.property.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.aio.client import V1Lease

    from tests.property.simulation.network import Network


class SimulatedLeases:
    """One operator's view of Leases that it shares with others."""

    def __init__(self, leases: dict[str, V1Lease], network: Network) -> None:
        self._leases = leases
        self._network = network

    async def read_namespaced_lease(self, name: str, _namespace: str) -> V1Lease:
        """Return the Lease."""
        await self._way("a look at the Lease")
        if name not in self._leases:
            raise ApiException(status=404)
        return _copy(self._leases[name])

    async def create_namespaced_lease(self, _namespace: str, body: V1Lease) -> V1Lease:
        """Store a first Lease."""
        await self._way("a new Lease")
        if body.metadata.name in self._leases:
            raise ApiException(status=409)
        return self._put(_copy(body), 1)

    async def replace_namespaced_lease(self, name: str, _namespace: str, body: V1Lease) -> V1Lease:
        """Store a Lease by optimistic concurrency."""
        sent = _copy(body)
        await self._way("a renewal", late=lambda: self._replace_late(name, sent))
        stored = self._replace(name, sent)
        await self._way("the answer to a renewal")
        return stored

    def _replace(self, name: str, lease: V1Lease) -> V1Lease:
        version = int(self._leases[name].metadata.resource_version)
        if str(version) != lease.metadata.resource_version:
            raise ApiException(status=409)
        return self._put(lease, version + 1)

    def _replace_late(self, name: str, lease: V1Lease) -> None:
        with contextlib.suppress(ApiException):
            self._replace(name, lease)

    def _put(self, lease: V1Lease, version: int) -> V1Lease:
        self._leases[lease.metadata.name] = lease
        lease.metadata.resource_version = str(version)
        return _copy(lease)

    async def _way(self, what: str, *, late: Callable[[], None] | None = None) -> None:
        try:
            await self._network.way(what, late=late)
        except LostError:
            raise ApiException(status=500) from None


def _copy(lease: V1Lease) -> V1Lease:
    """Copy what anybody changes in a Lease; a deep copy of its model costs more than a schedule."""
    return lease.model_copy(update={"metadata": lease.metadata.model_copy(), "spec": lease.spec.model_copy()})
