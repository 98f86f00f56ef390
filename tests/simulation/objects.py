"""Listings over the network of one process, in pages of one object: open notifications, and those of an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from notification_domain.status import FINAL
from notification_runtime.kube.requests import KubeError
from tests.simulation.cluster import TooOldError
from tests.simulation.network import LostError
from tests.simulation.null_ports import NoObjects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.simulation.cluster import Cluster
    from tests.simulation.network import Network


class SimulatedObjects(NoObjects):
    """Lists what was in the cluster when the listing began."""

    def __init__(self, cluster: Cluster, network: Network) -> None:
        self._cluster = cluster
        self._network = network

    async def rows(self, namespace: str | None, *, selector: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Yield the open objects one by one."""
        del namespace, selector
        try:
            await self._network.transfer("a listing")
            listed = [orjson.loads(data) for data in self._cluster.objects.values()]
            for obj in listed:
                if obj["status"].get("phase") not in FINAL:
                    await self._network.transfer("a page")
                    yield [{"metadata": obj["metadata"], "spec": {"dedupKey": obj["spec"].get("dedupKey")}}]
        except LostError:
            raise KubeError(status=None, reason="simulated") from None

    async def of_incident(
        self, namespace: str, dedup_key: str, version: str
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Yield the objects of an incident one by one: those in the memory of the API server, if they may be old."""
        try:
            await self._network.transfer("a listing of an incident")
            listed = await self._cluster.memory.at(int(version)) if version else self._cluster.objects
            for obj in [orjson.loads(data) for data in listed.values()]:
                place = obj["metadata"]["namespace"], obj["spec"].get("dedupKey")
                if place == (namespace, dedup_key):
                    await self._network.transfer("a page of an incident")
                    yield [obj]
        except (LostError, TooOldError):
            raise KubeError(status=None, reason="simulated") from None
