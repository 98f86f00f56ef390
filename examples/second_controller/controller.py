"""The controller: kopf rings, a task for each object makes the passes, atomic_status reads and writes.

`kopf.on.event` is the only kind of handler: the others write annotations or finalizers of their own, and
DD-PERF-001 asks for one write a pass. What an event brings along is thrown away (SP-CACHE-001).
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
PAUSE = 2.0
"""Seconds before a pass that failed is made again."""

logger = logging.getLogger(__name__)


class Controller:
    """Keeps the status of each certificate that was rung for, until the certificate is gone."""

    def __init__(self, store: StatusStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._bells: dict[ObjectRef, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def ring(self, ref: ObjectRef) -> None:
        """Have a pass made over an object, now or right after the one that is under way."""
        if ref not in self._bells:
            self._bells[ref] = asyncio.Event()
            task = asyncio.create_task(self._follow(ref))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._bells[ref].set()

    async def close(self) -> None:
        """Stop making passes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, ref: ObjectRef) -> None:
        bell = self._bells[ref]
        with contextlib.suppress(Gone):
            while True:
                bell.clear()
                pause = await self._attempt(ref)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await bell.wait()
        del self._bells[ref]

    async def _attempt(self, ref: ObjectRef) -> float | None:
        """Make a pass; return the seconds until the next one is due, whatever becomes of this one."""
        try:
            return await self.make_pass(ref)
        except Gone:
            raise
        except Unavailable as error:
            logger.warning("will try again: %s", error)
            return error.retry_after or PAUSE
        except Exception:
            logger.exception("a pass over %s broke", ref)
            return PAUSE

    async def make_pass(self, ref: ObjectRef) -> float | None:
        """One GET, and one PUT if there is anything new to say; return when time will change that."""
        now = self._clock()
        result = await apply(self._store, ref, lambda certificate: next_status(certificate, now))
        return seconds_left(result.after if isinstance(result, Applied) else result.current, now)


@kopf.on.startup()
async def start(memo: kopf.Memo, settings: kopf.OperatorSettings, **_: object) -> None:
    """Connect to the API server, by a client beside the one that watches."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    try:
        load_incluster_config()
    except ConfigException:
        await load_kube_config()
    memo.client = ApiClient()
    memo.controller = Controller(KubeStatusStore(memo.client, CERTIFICATES), clock=lambda: datetime.now(UTC))


@kopf.on.event(CERTIFICATES.group, CERTIFICATES.version, CERTIFICATES.plural)
async def ring(memo: kopf.Memo, event: kopf.RawEvent, **_: object) -> None:
    """Ring for an object that is new, changed or deleted; a pass finds out which."""
    meta = event["object"]["metadata"]
    memo.controller.ring(ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"]))


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: object) -> None:
    """Let go of everything."""
    await memo.controller.close()
    await memo.client.close()
