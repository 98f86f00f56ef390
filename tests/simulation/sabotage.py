"""The two mistakes that the design removes, made again: what the simulation has to find them out by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tests.simulation.cluster import MissingError, tries_of
from tests.simulation.store import SimulatedStore

if TYPE_CHECKING:
    from atomic_status import ObjectRef
    from tests.simulation.replica import Replica


class CachedStore(SimulatedStore):
    """Reads what the watch saw last, instead of the truth: SP-CACHE-001 undone."""

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica.ground.cluster, replica.network, lambda: False)
        self._replica = replica

    def _look(self, ref: ObjectRef) -> dict[str, Any]:
        cached = self._replica.watch.cache.get(ref.name)
        if cached is None:
            raise MissingError(ref.name)
        seen: dict[str, Any] = orjson.loads(cached)
        true = super()._look(ref)
        if tries_of(seen) != tries_of(true):
            self._replica.ground.tell(
                f"{self._replica.name}: reads {ref.name} from its cache: {tries_of(seen)}; "
                f"the API server has {tries_of(true)}"
            )
        return seen


class PiecemealStore(CachedStore):
    """Writes try by try, each on what a cache says and without a version: DD-PERF-001 undone, too."""

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Write a status for each new try."""
        meta, wanted = obj["metadata"], obj["status"]
        tries = wanted.get("deliveryAttempts", [])
        cached = orjson.loads(self._replica.watch.cache.get(meta["name"], b"null")) or obj
        known = len(cached["status"].get("deliveryAttempts", []))
        stored = obj
        for count in range(min(known + 1, len(tries)), len(tries) + 1):
            piece = tries[:known] + tries[count - 1 : count]
            status = {**wanted, "deliveryAttempts": piece, "totalAttempts": len(piece)}
            stored = await super().replace_status({**obj, "status": status})
        return stored

    def _write(self, obj: dict[str, Any]) -> dict[str, Any]:
        return self._cluster.replace_status(obj, who=self._network.name, blindly=True)
