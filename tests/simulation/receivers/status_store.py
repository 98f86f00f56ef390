"""The status of receivers, which one process reads and writes over the network."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from atomic_status import Conflict, Gone, ObjectRef, Unavailable
from tests.simulation.cluster import ConflictError, MissingError
from tests.simulation.network import LostError
from tests.simulation.receivers.api_objects import Kind, Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.simulation.network import Network
    from tests.simulation.receivers.api_objects import ApiObjects


@dataclass(slots=True, kw_only=True)
class StatusReconciliation:
    """What one reconciliation of a receiver has requested from the API server."""

    who: str
    replica: str
    place: Place
    now: datetime
    """The time by the process's clock when it began, which it decides by."""
    owner: bool
    """Whether the process owned the receiver when it began."""
    view: tuple[object, ...]
    """What the process knew of the receiver then: its changes are transitions."""
    reads: int = 0
    writes: int = 0
    conflicts: int = 0
    acknowledged: bool = False
    """Whether the process knows of its write."""
    unanswered: str = ""
    """The uid of the receiver whose write got no answer, so that the process does not know what the status holds."""


CURRENT_STATUS: ContextVar[StatusReconciliation | None] = ContextVar("CURRENT_STATUS", default=None)
"""The reconciliation of a receiver that runs."""


class ReceiverStatusStore:
    """Reads and writes through one process's network.

    Args:
        clock: the process's clock.
        owns: returns whether the process owns an object now.
        view: returns what the process knows of a receiver.
        on_write: called with the object before and after each write, and the reconciliation.
        on_reconciled: called at the end of each reconciliation.
    """

    def __init__(
        self,
        objects: ApiObjects,
        network: Network,
        *,
        replica: str,
        clock: Callable[[], datetime],
        owns: Callable[[str], bool],
        view: Callable[[Place], tuple[object, ...]],
        on_write: Callable[[dict[str, Any], dict[str, Any], StatusReconciliation], None],
        on_reconciled: Callable[[StatusReconciliation], None],
    ) -> None:
        self._objects = objects
        self._network = network
        self._replica = replica
        self._clock = clock
        self._owns = owns
        self._view = view
        self._on_write = on_write
        self._on_reconciled = on_reconciled

    async def read(self, ref: ObjectRef) -> dict[str, Any]:
        """See `StatusStore.read`."""
        current = self._current(ref)
        current.reads += 1
        try:
            await self._network.transfer(f"a read of receiver {ref}")
            obj = self._objects.read(current.place)
            await self._network.transfer(f"the answer to a read of receiver {ref}")
        except MissingError:
            raise Gone(ref) from None
        except LostError:
            raise Unavailable(ref, reason="simulated") from None
        return obj

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """See `StatusStore.replace_status`."""
        meta = obj["metadata"]
        ref = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        current = self._current(ref)
        try:
            await self._network.transfer(
                f"a write of receiver {ref}", late=lambda: self._write_late(obj, current)
            )
            stored = self._write(obj, current)
            current.writes += 1
            await self._network.transfer(f"the answer to a write of receiver {ref}")
        except ConflictError:
            current.conflicts += 1
            raise Conflict(ref) from None
        except MissingError:
            raise Gone(ref) from None
        except LostError:
            current.unanswered = meta["uid"]
            raise Unavailable(ref, reason="simulated") from None
        current.acknowledged = True
        return stored

    def _current(self, ref: ObjectRef) -> StatusReconciliation:
        """Return the reconciliation of this task; its first read begins it."""
        current = CURRENT_STATUS.get()
        if current is None:
            place = Place(kind=Kind.RECEIVERS, namespace=ref.namespace, name=ref.name)
            current = StatusReconciliation(
                who=self._network.name,
                replica=self._replica,
                place=place,
                now=self._clock(),
                owner=self._owns(ref.uid or ""),
                view=self._view(place),
            )
            CURRENT_STATUS.set(current)
            task = asyncio.current_task()
            assert task is not None
            task.add_done_callback(partial(self._report, current))
        return current

    def _write(self, obj: dict[str, Any], current: StatusReconciliation) -> dict[str, Any]:
        return self._objects.replace_status(
            current.place, obj, on_write=lambda before, after: self._on_write(before, after, current)
        )

    def _write_late(self, obj: dict[str, Any], current: StatusReconciliation) -> None:
        with contextlib.suppress(ConflictError, MissingError):
            self._write(obj, current)

    def _report(self, current: StatusReconciliation, _task: asyncio.Task[Any]) -> None:
        self._on_reconciled(current)
