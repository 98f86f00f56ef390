"""The Leases of the cluster, as one process reaches them over the network."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from notification_runtime.kube.requests import KubeError
from notification_runtime.leadership.lease import KubeLeases
from tests.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.simulation.network import Network


class SimulatedLeases(KubeLeases):
    """One process's view of the Leases that all processes share."""

    def __init__(self, leases: dict[str, dict[str, Any]], network: Network) -> None:
        self._leases = leases
        self._network = network

    async def list(self) -> Sequence[dict[str, Any]]:
        """See `KubeLeases.list`."""
        await self._transfer("a listing of the Leases")
        leases = list(self._leases.values())
        await self._transfer("the answer to a listing of the Leases")
        return leases

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """See `KubeLeases.create`."""
        await self._transfer("a new Lease")
        if lease["metadata"]["name"] in self._leases:
            raise KubeError(status=409, reason="conflict")
        return self._put(lease, 1)

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """See `KubeLeases.replace`."""
        await self._transfer("a renewal", late=lambda: self._replace_late(lease))
        stored = self._replace(lease)
        await self._transfer("the answer to a renewal")
        return stored

    async def delete(self, lease: Mapping[str, Any]) -> None:
        """See `KubeLeases.delete`."""
        await self._transfer("the deletion of a Lease")
        self._checked_version(lease)
        del self._leases[lease["metadata"]["name"]]

    def _checked_version(self, lease: Mapping[str, Any]) -> int:
        name, version = lease["metadata"]["name"], lease["metadata"].get("resourceVersion", "")
        if name not in self._leases:
            if not version:
                return 0
            raise KubeError(status=404, reason="not found")
        if not version:
            raise KubeError(status=422, reason="metadata.resourceVersion: must be specified for an update")
        if version != self._leases[name]["metadata"]["resourceVersion"]:
            raise KubeError(status=409, reason="conflict")
        return int(version)

    def _replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        return self._put(lease, self._checked_version(lease) + 1)

    def _replace_late(self, lease: Mapping[str, Any]) -> None:
        with contextlib.suppress(KubeError):
            self._replace(lease)

    def _put(self, lease: Mapping[str, Any], version: int) -> dict[str, Any]:
        meta = {**lease["metadata"], "resourceVersion": str(version)}
        stored = self._leases[meta["name"]] = {**lease, "metadata": meta}
        return stored

    async def _transfer(self, what: str, *, late: Callable[[], None] | None = None) -> None:
        try:
            await self._network.transfer(what, late=late)
        except LostError:
            raise KubeError(status=500, reason="unavailable") from None
