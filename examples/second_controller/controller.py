"""The controller: kopf's event handler enqueues, one task per object reconciles, atomic_status reads and writes.

`kopf.on.event` is the only kind of handler: the others write annotations or finalizers, and DD-PERF-001 permits one
write per reconciliation. The object of an event is discarded (SP-CACHE-001).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import kopf
from kubernetes.aio.client import ApiClient
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from atomic_status import Applied, Gone, KubeStatusStore, ObjectRef, Resource, Unavailable, apply
from examples.second_controller.expiry import next_status, seconds_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status import StatusStore

CERTIFICATES = Resource(group="examples.kubernaut.ai", version="v1", plural="certificates")
RETRY_DELAY = 2.0
"""Seconds between a failed reconciliation and the next one."""

logger = logging.getLogger(__name__)


class Controller:
    """Reconciles each enqueued certificate until it is deleted."""

    def __init__(self, store: StatusStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._requests: dict[ObjectRef, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """The number of objects that a task is reconciling or will reconcile."""
        return max(len(self._requests), len(self._tasks))

    def enqueue(self, ref: ObjectRef) -> None:
        """Request a reconciliation, now or right after the running one."""
        if ref not in self._requests:
            self._requests[ref] = asyncio.Event()
            task = asyncio.create_task(self._run(ref))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._requests[ref].set()

    async def close(self) -> None:
        """Cancel all reconciliations."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, ref: ObjectRef) -> None:
        request = self._requests[ref]
        with contextlib.suppress(Gone):
            while True:
                request.clear()
                requeue_after = await self._reconcile_safely(ref)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(requeue_after):
                        await request.wait()
        del self._requests[ref]

    async def _reconcile_safely(self, ref: ObjectRef) -> float | None:
        """Reconcile; return the seconds until the next reconciliation, also after an error."""
        try:
            return await self.reconcile(ref)
        except Gone:
            raise
        except Unavailable as error:
            logger.warning("reconciliation failed; retrying: %s", error)
            return error.retry_after or RETRY_DELAY
        except Exception:
            logger.exception("reconciliation of %s failed unexpectedly; retrying", ref)
            return RETRY_DELAY

    async def reconcile(self, ref: ObjectRef) -> float | None:
        """Make one GET, and one PUT if the status changes; return the seconds until it changes by itself."""
        now = self._clock()
        result = await apply(self._store, ref, lambda certificate: next_status(certificate, now))
        return seconds_left(result.after if isinstance(result, Applied) else result.current, now)


@kopf.on.startup()
async def start(memo: kopf.Memo, settings: kopf.OperatorSettings, **_: object) -> None:
    """Connect to the API server with a client that is independent of the watching one."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    try:
        load_incluster_config()
    except ConfigException:
        await load_kube_config()
    memo.client = ApiClient()
    memo.controller = Controller(KubeStatusStore(memo.client, CERTIFICATES), clock=lambda: datetime.now(UTC))


@kopf.on.event(CERTIFICATES.group, CERTIFICATES.version, CERTIFICATES.plural)
async def enqueue(memo: kopf.Memo, event: kopf.RawEvent, **_: object) -> None:
    """Enqueue a new, changed or deleted object; the reconciliation finds out which it is."""
    meta = event["object"]["metadata"]
    memo.controller.enqueue(ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"]))


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: object) -> None:
    """Stop the controller and close the client."""
    await memo.controller.close()
    await memo.client.close()
