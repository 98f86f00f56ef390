"""A StatusStore that reads and writes the cluster over the network, and records what each reconciliation does."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from atomic_status import Conflict, Gone, ObjectRef, Rejected, Unavailable
from tests.simulation.cluster import ConflictError, MissingError
from tests.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.process import Process


@dataclass(slots=True, kw_only=True)
class Reconciliation:
    """What one reconciliation has requested from the API server."""

    name: str
    """The name of the object."""
    who: str
    """The name of the process."""
    reads: int = 0
    writes: int = 0
    conflicts: int = 0
    truth: bytes | None = None
    """The object in the cluster when the latest read before a conflict arrived there, whatever the store returned."""
    deleted: str | None = None
    """The uid of its notification, if the process has seen that it is deleted."""


CURRENT: ContextVar[Reconciliation | None] = ContextVar("CURRENT", default=None)
"""The reconciliation that runs, or that started the attempt that runs."""


class SimulatedStore:
    """Reads and writes through one process's network."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._cluster = process.environment.cluster
        self._network = process.network

    async def read(self, ref: ObjectRef) -> dict[str, Any]:
        """See `StatusStore.read`."""
        reconciliation = self._current(ref)
        reconciliation.reads += 1
        try:
            await self._network.transfer("a read")
            self._require_permission(ref)
            if not reconciliation.conflicts:
                reconciliation.truth = self._cluster.objects.get(ref.name)
            obj = self._look_up(ref)
            await self._network.transfer("the answer to a read")
        except MissingError:
            reconciliation.deleted = ref.uid
            raise Gone(ref) from None
        except LostError:
            raise Unavailable(ref, reason="simulated") from None
        if obj["metadata"]["uid"] != ref.uid or "deletionTimestamp" in obj["metadata"]:
            reconciliation.deleted = ref.uid
        return obj

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """See `StatusStore.replace_status`."""
        meta = obj["metadata"]
        ref = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        reconciliation = self._current(ref)
        try:
            await self._network.transfer("a write", late=lambda: self._write_late(obj))
            self._require_permission(ref)
            stored = self._write(obj)
            reconciliation.writes += 1
            await self._network.transfer("the answer to a write")
        except ConflictError:
            reconciliation.conflicts += 1
            raise Conflict(ref) from None
        except MissingError:
            reconciliation.deleted = ref.uid
            raise Gone(ref) from None
        except LostError:
            raise Unavailable(ref, reason="simulated") from None
        return stored

    def _current(self, ref: ObjectRef) -> Reconciliation:
        """Return the reconciliation of this task; its first read begins it."""
        reconciliation = CURRENT.get()
        if reconciliation is None:
            reconciliation = Reconciliation(name=ref.name, who=self._network.name)
            CURRENT.set(reconciliation)
            task = asyncio.current_task()
            assert task is not None
            task.add_done_callback(partial(_report, reconciliation, self.process.environment.on_reconciled))
        return reconciliation

    def _require_permission(self, ref: ObjectRef) -> None:
        if self.process.environment.outages.forbids(ref.namespace):
            raise Rejected(ref, code=403, reason="simulated")

    def _look_up(self, ref: ObjectRef) -> dict[str, Any]:
        return self._cluster.read(ref.name)

    def _write(self, obj: dict[str, Any]) -> dict[str, Any]:
        return self._cluster.replace_status(obj, who=self._network.name)

    def _write_late(self, obj: dict[str, Any]) -> None:
        with contextlib.suppress(ConflictError, MissingError):
            self._write(obj)


def _report(
    reconciliation: Reconciliation,
    on_reconciled: Callable[[Reconciliation], None],
    _task: asyncio.Task[Any],
) -> None:
    on_reconciled(reconciliation)
