"""The retention sweeper: deletes notifications whose retention has expired, at a bounded rate.

Nothing is remembered per object: each sweep lists all objects page by page. A deletion names the uid and the
resourceVersion that were found expired, so that it cannot hit an object that was recreated or has changed since
(DD-RETENTION-001).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from atomic_status import ObjectRef
from notification_operator.domain.retention import due_at
from notification_operator.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
    from datetime import datetime

    from prometheus_client import Counter

    from notification_contract.settings import Retention

FIRST: Final = 0.1
"""Share of the interval before the first sweep: after a start, open notifications come first."""
PAGE_PAUSE: Final = 0.1
"""Seconds between two pages, which leave room for deliveries."""
BATCH: Final = 500
"""Objects that are collected before they are deleted: a listing must end before its version expires."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """An object whose retention expires at `since`, as it was listed."""

    ref: ObjectRef
    uid: str
    version: str
    since: datetime


class Objects(Protocol):
    """The notifications of the cluster."""

    def pages(self, namespace: str | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Return the pages of the objects in a namespace; None means all namespaces."""
        ...

    async def delete(self, ref: ObjectRef, *, uid: str, version: str) -> None:
        """Delete an object, unless it was replaced or changed since this version."""
        ...


class Ownership(Protocol):
    """Decides which objects this process works on."""

    @property
    def active(self) -> bool:
        """Whether this process works on anything now."""
        ...

    def may_start(self, uid: str) -> bool:
        """Return whether an object belongs to this process."""
        ...


class RetentionSweeper:
    """Sweeps the notifications at a fixed interval.

    Args:
        namespaces: the namespaces to list; all if empty.
        served: the namespaces in which objects may be deleted.
    """

    def __init__(  # noqa: PLR0913 - the objects, and which of them may be deleted how fast
        self,
        objects: Objects,
        settings: Retention,
        *,
        namespaces: Sequence[str],
        served: Container[str],
        ownership: Ownership,
        deleted: Counter,
        clock: Callable[[], datetime],
    ) -> None:
        self._objects = objects
        self._settings = settings
        self._namespaces = namespaces or (None,)
        self._served = served
        self._ownership = ownership
        self._deleted = deleted
        self._clock = clock

    async def run(self) -> None:
        """Sweep until cancelled."""
        interval = self._settings.interval_seconds
        await asyncio.sleep(interval * FIRST)
        while True:
            try:
                await self._sweep()
            except KubeError as error:
                logger.warning("retention sweep failed; retrying", error=str(error), seconds=interval)
            await asyncio.sleep(interval)

    async def _sweep(self) -> None:
        """Delete expired objects until none is left."""
        for namespace in self._namespaces:
            while self._ownership.active:
                batch = await self._collect(namespace)
                for expired in batch:
                    await asyncio.sleep(1 / self._settings.deletes_per_second)
                    if self._may_delete(expired):
                        await self._delete(expired)
                if len(batch) < BATCH:
                    break

    async def _collect(self, namespace: str | None) -> Sequence[Expired]:
        """Return a batch of expired objects that this process may delete."""
        batch: list[Expired] = []
        async for page in self._objects.pages(namespace):
            batch += [expired for expired in map(_expired, page) if expired and self._is_due(expired)]
            if len(batch) >= BATCH:
                break
            await asyncio.sleep(PAGE_PAUSE)
        return batch

    def _is_due(self, expired: Expired) -> bool:
        return expired.since <= self._clock() and self._may_delete(expired)

    def _may_delete(self, expired: Expired) -> bool:
        return expired.ref.namespace in self._served and self._ownership.may_start(expired.uid)

    async def _delete(self, expired: Expired) -> None:
        try:
            await self._objects.delete(expired.ref, uid=expired.uid, version=expired.version)
        except KubeError as error:
            # The object is gone or has changed: the next sweep looks at it again.
            if not (error.not_found or error.conflict):
                raise
        else:
            self._deleted.inc()
            logger.info(
                "notification deleted: retention expired",
                notification=f"{expired.ref.namespace}/{expired.ref.name}",
                uid=expired.uid,
                due=expired.since.isoformat(),
            )


def _expired(obj: Mapping[str, Any]) -> Expired | None:
    since, meta = due_at(obj), obj["metadata"]
    if since is None:
        return None
    ref = ObjectRef(namespace=meta["namespace"], name=meta["name"])
    return Expired(ref=ref, uid=meta["uid"], version=meta["resourceVersion"], since=since)
