"""A StatusStore that reads the truth and writes it, over the network; and what a pass asks of it."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atomic_status import Conflict, Gone, ObjectRef, Unavailable
from tests.simulation.cluster import ConflictError, MissingError
from tests.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.cluster import Cluster
    from tests.simulation.network import Network


@dataclass(slots=True)
class Pass:
    """What one pass has asked of the API server."""

    reads: int = 0
    writes: int = 0
    conflicts: int = 0
    truth: bytes | None = None
    """The object as the API server had it when the first read got there, whatever the store made of that."""
    may_begin: bool = True
    """Whether tries may begin: not in a pass whose operator stopped before it had its first read."""


PASS: ContextVar[Pass] = ContextVar("PASS")


class SimulatedStore:
    """Reads and writes by one operator's network."""

    def __init__(self, cluster: Cluster, network: Network, stopping: Callable[[], bool]) -> None:
        self._cluster = cluster
        self._network = network
        self._stopping = stopping

    async def read(self, ref: ObjectRef) -> dict[str, Any]:
        """See `StatusStore.read`."""
        made = PASS.get()
        made.reads += 1
        try:
            await self._network.way("a read")
            if made.truth is None:
                made.truth = self._cluster.objects.get(ref.name)
            found = self._look(ref)
            await self._network.way("the answer to a read")
        except MissingError:
            raise Gone(ref) from None
        except LostError:
            raise Unavailable(ref, reason="simulated") from None
        if made.reads == 1:
            made.may_begin = not self._stopping()
        return found

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """See `StatusStore.replace_status`."""
        meta = obj["metadata"]
        ref = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        made = PASS.get()
        try:
            await self._network.way("a write", late=lambda: self._write_late(obj))
            stored = self._write(obj)
            made.writes += 1
            await self._network.way("the answer to a write")
        except ConflictError:
            made.conflicts += 1
            raise Conflict(ref) from None
        except MissingError:
            raise Gone(ref) from None
        except LostError:
            raise Unavailable(ref, reason="simulated") from None
        return stored

    def _look(self, ref: ObjectRef) -> dict[str, Any]:
        return self._cluster.read(ref.name)

    def _write(self, obj: dict[str, Any]) -> dict[str, Any]:
        return self._cluster.replace_status(obj, who=self._network.name)

    def _write_late(self, obj: dict[str, Any]) -> None:
        with contextlib.suppress(ConflictError, MissingError):
            self._write(obj)
