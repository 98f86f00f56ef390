"""Deletes notifications whose retention is over, at a bounded rate, and never anything else.

Nothing is remembered for an object until then: once in a while all there is is walked through, page by
page. A deletion names the uid and the resourceVersion that were found due, so that it cannot hit an
object that was made anew or has changed since (DD-RETENTION-001).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from atomic_status import ObjectRef
from notification_operator.domain.retention import due_at
from notification_operator.kube.errors import KubeError
from notification_operator.kube.pagination import collection, pages
from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from kubernetes.aio.client import ApiClient
    from prometheus_client import Counter

    from atomic_status import Resource
    from notification_contract.settings import Retention

FIRST: Final = 0.1
"""The part of the interval after which the first walk begins: at a start, what is open comes first."""
PAGE_PAUSE: Final = 0.1
"""Seconds between two pages, which the deliveries have."""
BATCH: Final = 500
"""Objects that are noted before they are deleted: a walk must be over before the API server forgets its version."""
SECONDS: Final = 10.0
"""For one deletion."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An object whose retention is over, as it was found."""

    ref: ObjectRef
    uid: str
    version: str
    since: datetime


class Keeper:
    """Looks through the notifications once in a while."""

    def __init__(  # noqa: PLR0913 - what to look through, what of it is ours, and how fast
        self,
        client: ApiClient,
        settings: Retention,
        *,
        kind: Resource,
        namespaces: Sequence[str],
        works: Callable[[], bool],
        may_delete: Callable[[Due], bool],
        deleted: Counter,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._settings = settings
        self._kind = kind
        self._namespaces = namespaces or (None,)
        """Where to look; None stands for everywhere."""
        self._works = works
        """Whether this replica works on anything now."""
        self._may_delete = may_delete
        """Whether an object is this replica's, and served."""
        self._deleted = deleted
        self._clock = clock

    async def run(self) -> None:
        """Walk and delete until cancelled."""
        interval = self._settings.interval_seconds
        await asyncio.sleep(interval * FIRST)
        while True:
            try:
                await self._clear()
            except KubeError as error:
                logger.warning(
                    "notifications not looked through for what is over, will try again",
                    error=str(error),
                    seconds=interval,
                )
            await asyncio.sleep(interval)

    async def _clear(self) -> None:
        """Delete what is due, until nothing is."""
        for namespace in self._namespaces:
            while self._works():
                found = await self._find(collection(self._kind, namespace))
                for due in found:
                    await asyncio.sleep(1 / self._settings.deletes_per_second)
                    if self._may_delete(due):
                        await self._delete(due)
                if len(found) < BATCH:
                    break

    async def _find(self, path: str) -> Sequence[Due]:
        """Return some of what is due now, and this replica's to delete."""
        found: list[Due] = []
        async for page in pages(self._client, path):
            found += [due for due in map(_due, page) if due and self._is_over(due)]
            if len(found) >= BATCH:
                break
            await asyncio.sleep(PAGE_PAUSE)
        return found

    def _is_over(self, due: Due) -> bool:
        return due.since <= self._clock() and self._may_delete(due)

    async def _delete(self, due: Due) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": due.uid, "resourceVersion": due.version},
        }
        try:
            await call(self._client, "DELETE", self._kind.path(due.ref), body=body, seconds=SECONDS)
        except KubeError as error:
            # It is gone, or was changed since: then the next walk looks at it again.
            if not (error.not_found or error.conflict):
                raise
        else:
            self._deleted.inc()
            logger.info(
                "notification deleted, its retention is over",
                notification=f"{due.ref.namespace}/{due.ref.name}",
                uid=due.uid,
                due=due.since.isoformat(),
            )


def _due(obj: Mapping[str, Any]) -> Due | None:
    since, meta = due_at(obj), obj["metadata"]
    if since is None:
        return None
    ref = ObjectRef(namespace=meta["namespace"], name=meta["name"])
    return Due(ref=ref, uid=meta["uid"], version=meta["resourceVersion"], since=since)
