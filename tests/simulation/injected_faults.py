"""Injected faults: the two mistakes that the design removes, which the simulation has to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tests.simulation.cluster import MissingError, attempts_of
from tests.simulation.status_store import SimulatedStore

if TYPE_CHECKING:
    from atomic_status import ObjectRef


class CachedStore(SimulatedStore):
    """Reads what the watch observed last, not the API server: SP-CACHE-001 undone."""

    def _look_up(self, ref: ObjectRef) -> dict[str, Any]:
        cached = self.process.watch.cache.get(ref.name)
        if cached is None:
            raise MissingError(ref.name)
        seen: dict[str, Any] = orjson.loads(cached)
        true = super()._look_up(ref)
        if attempts_of(seen) != attempts_of(true):
            self.process.environment.log(
                f"{self.process.name}: reads {ref.name} from its cache: {attempts_of(seen)}; "
                f"the API server has {attempts_of(true)}"
            )
        return seen


class PiecemealStore(CachedStore):
    """Writes attempt by attempt, each on a cached copy and without a version: DD-PERF-001 undone, too."""

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Write a status per new attempt."""
        meta, status = obj["metadata"], obj["status"]
        attempts = status.get("deliveryAttempts", [])
        cached = orjson.loads(self.process.watch.cache.get(meta["name"], b"null")) or obj
        known = len(cached["status"].get("deliveryAttempts", []))
        stored = obj
        for count in range(min(known + 1, len(attempts)), len(attempts) + 1):
            piece = attempts[:known] + attempts[count - 1 : count]
            partial = {**status, "deliveryAttempts": piece, "totalAttempts": len(piece)}
            stored = await super().replace_status({**obj, "status": partial})
        return stored

    def _write(self, obj: dict[str, Any]) -> dict[str, Any]:
        return self._cluster.replace_status(obj, who=self._network.name, blindly=True)
