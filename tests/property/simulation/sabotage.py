"""The two mistakes that the design removes, made again: what the simulation has to find them out by."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from tests.property.simulation.cluster import MissingError
from tests.property.simulation.network import SimulatedStore

if TYPE_CHECKING:
    from atomic_status import ObjectRef
    from tests.property.simulation.replica import Replica


class CachedStore(SimulatedStore):
    """Reads what the watch saw last, instead of the truth: SP-CACHE-001 undone."""

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica.cluster, replica.network)
        self._replica = replica

    def _look(self, ref: ObjectRef) -> dict[str, Any]:
        cached = self._replica.watch.cache.get(ref.name)
        if cached is None:
            raise MissingError(ref.name)
        return orjson.loads(cached)


class PiecemealStore(CachedStore):
    """Writes try by try, each on what a cache says and without a version: DD-PERF-001 undone, too."""

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Write a status for each new try."""
        name, wanted = obj["metadata"]["name"], obj["status"]
        tries = wanted.get("deliveryAttempts", [])
        cached = orjson.loads(self._replica.watch.cache.get(name, b"null")) or obj
        known = len(cached["status"].get("deliveryAttempts", []))
        stored = obj
        for count in range(min(known + 1, len(tries)), len(tries) + 1):
            await asyncio.sleep(0.001)
            await self._go_on(obj)
            piece = tries[:known] + tries[count - 1 : count]
            status = {**wanted, "deliveryAttempts": piece, "totalAttempts": len(piece)}
            stored = self._cluster.replace_status(
                {**obj, "status": status}, who=self._network.name, blindly=True
            )
        return stored

    async def _go_on(self, obj: dict[str, Any]) -> None:
        await self._network.way()
        if obj["metadata"]["name"] not in self._cluster.objects:
            raise asyncio.CancelledError
