"""What the work queue asks a reconciler to do, and what the reconciler answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atomic_status import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from notification_domain.key import Key
    from notification_operator.controller.still_waits import StillWaits
    from notification_runtime.fair.fair_queue import FairSemaphore


RESUMED: Final = -1
"""The rank of a reconciliation that continues: what was begun is recorded before the next one of its namespace begins."""


def ref_of(key: Key) -> ObjectRef:
    """Return the reference of an incarnation for the status store."""
    return ObjectRef(namespace=key.namespace, name=key.name, uid=key.uid)


@dataclass(slots=True, kw_only=True)
class Request:
    """One reconciliation of a key. It holds a worker, except during `without_worker`."""

    key: Key
    queued_at: datetime
    """When the key began to wait for a worker."""
    workers: FairSemaphore | None = None
    """The semaphore that granted the worker; None outside a work queue."""
    failures: int = 0
    """Consecutive failed reconciliations of the key before this one."""
    holds_worker: bool = True

    async def without_worker(self, awaitable: Awaitable[None]) -> None:
        """Await something slow while another reconciliation uses the worker, then wait for a worker again."""
        if self.workers is None:
            await awaitable
            return
        self.release_worker()
        # A reconciliation that is cancelled in here ends without a worker.
        await awaitable
        await self.workers.acquire(self.key.namespace, RESUMED)
        self.holds_worker = True

    def release_worker(self) -> None:
        if self.holds_worker and self.workers is not None:
            self.holds_worker = False
            self.workers.release(self.key.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a reconciliation."""

    requeue_after: float | None = None
    """Seconds until the next reconciliation; None if only an event requests one."""
    still_waits: StillWaits | None = None
    """What the key waits for; asked at that time whether it still does."""
    observed_versions: frozenset[str] = frozenset()
    """The resourceVersions that were read or written; events with these request nothing."""
    final: bool = False
    """Whether the object never changes again, so that nothing about it has to be remembered."""
    error: BaseException | None = None
    """Why the reconciliation failed; it is retried with exponential backoff, unless it is stalled."""
    retry_after: float | None = None
    """Seconds for which the API server asks to be spared before the retry."""
    stalled: bool = False
    """Whether a retry is useless until the object changes; only `requeue_after` repeats the reconciliation."""
