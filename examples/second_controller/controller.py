"""The controller: kopf watches, a task per object reconciles it, atomic_status reads and writes.

`kopf.on.event` is the only kind of handler: the others write annotations or finalizers, and DD-PERF-001 allows one
write per reconciliation. The object that comes with an event is discarded (SP-CACHE-001).
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
RETRY_SECONDS = 2.0
"""Seconds before a failed reconciliation is retried."""

logger = logging.getLogger(__name__)


class Controller:
    """Keeps the status of each enqueued certificate up to date, until the certificate is deleted."""

    def __init__(self, store: StatusStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._events: dict[ObjectRef, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is kept for any object."""
        return not self._tasks and not self._events

    def enqueue(self, ref: ObjectRef) -> None:
        """Reconcile an object, now or right after the reconciliation that is running."""
        if ref not in self._events:
            self._events[ref] = asyncio.Event()
            task = asyncio.create_task(self._follow(ref))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._events[ref].set()

    async def close(self) -> None:
        """Stop reconciling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, ref: ObjectRef) -> None:
        event = self._events[ref]
        with contextlib.suppress(Gone):
            while True:
                event.clear()
                delay = await self._retry(ref)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await event.wait()
        del self._events[ref]

    async def _retry(self, ref: ObjectRef) -> float | None:
        """Reconcile; return the seconds until the next reconciliation, also after a failure."""
        try:
            return await self.reconcile(ref)
        except Gone:
            raise
        except Unavailable as error:
            logger.warning("retrying: %s", error)
            return error.retry_after or RETRY_SECONDS
        except Exception:
            logger.exception("reconciliation of %s failed", ref)
            return RETRY_SECONDS

    async def reconcile(self, ref: ObjectRef) -> float | None:
        """Read once, write once if anything changed; return the seconds until time changes the status."""
        now = self._clock()
        result = await apply(self._store, ref, lambda certificate: next_status(certificate, now))
        return seconds_left(result.after if isinstance(result, Applied) else result.current, now)


@kopf.on.startup()
async def start(memo: kopf.Memo, settings: kopf.OperatorSettings, **_: object) -> None:
    """Connect to the API server, with another client than the watching one."""
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
    """Enqueue an object that is new, changed or deleted; the reconciliation finds out which."""
    meta = event["object"]["metadata"]
    memo.controller.enqueue(ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"]))


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: object) -> None:
    """Close everything."""
    await memo.controller.close()
    await memo.client.close()
