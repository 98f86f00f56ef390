"""The Leases of the cluster, as one operator reaches them over the network."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from notification_operator.kube.errors import KubeError
from notification_operator.leadership.lease import Lease, LeaseStore
from tests.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.network import Network


class SimulatedLeases(LeaseStore):
    """One operator's view of Leases that it shares with others."""

    def __init__(self, leases: dict[str, Lease], network: Network) -> None:
        self._leases = leases
        self._network = network

    async def list(self) -> list[Lease]:
        """See `LeaseStore.list`."""
        await self._way("a look at the Leases")
        found = list(self._leases.values())
        await self._way("the answer to a look at the Leases")
        return found

    async def create(self, lease: Lease) -> Lease:
        """See `LeaseStore.create`."""
        await self._way("a new Lease")
        if lease.name in self._leases:
            raise KubeError(status=409, reason="conflict")
        return self._put(lease, 1)

    async def replace(self, lease: Lease) -> Lease:
        """See `LeaseStore.replace`."""
        await self._way("a renewal", late=lambda: self._replace_late(lease))
        stored = self._replace(lease)
        await self._way("the answer to a renewal")
        return stored

    async def delete(self, lease: Lease) -> None:
        """See `LeaseStore.delete`."""
        await self._way("the end of a Lease")
        self._of_version(lease)
        del self._leases[lease.name]

    def _of_version(self, lease: Lease) -> int:
        if lease.name not in self._leases:
            raise KubeError(status=404, reason="not found")
        if lease.version != self._leases[lease.name].version:
            raise KubeError(status=409, reason="conflict")
        return int(lease.version)

    def _replace(self, lease: Lease) -> Lease:
        return self._put(lease, self._of_version(lease) + 1)

    def _replace_late(self, lease: Lease) -> None:
        with contextlib.suppress(KubeError):
            self._replace(lease)

    def _put(self, lease: Lease, version: int) -> Lease:
        meta = {**lease.body["metadata"], "resourceVersion": str(version)}
        stored = self._leases[lease.name] = Lease({**lease.body, "metadata": meta})
        return stored

    async def _way(self, what: str, *, late: Callable[[], None] | None = None) -> None:
        try:
            await self._network.way(what, late=late)
        except LostError:
            raise KubeError(status=500, reason="unavailable") from None
