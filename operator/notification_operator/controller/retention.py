"""The retention sweeper: deletes notifications whose retention has expired, at a bounded rate.

Nothing is remembered per object: each sweep lists all objects page by page. A deletion names the uid and the
resourceVersion that were found expired, so that it cannot hit an object that was recreated or has changed since
(DD-RETENTION-001). A failed listing or deletion is counted, and the sweep goes on with the next namespace or object.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import structlog

from atomic_status import ObjectRef
from notification_domain.retention import due_at
from notification_runtime.kube.requests import KubeError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from datetime import datetime

    import prometheus_client

    from notification_contract.settings import Retention
    from notification_runtime.kube.objects import KubeObjects

FIRST: Final = 0.1
"""Share of the interval before the first sweep: after a start, open notifications come first."""
PAGE_PAUSE: Final = 0.1
"""Seconds between two pages, which leave room for deliveries."""
BATCH: Final = 500
"""Objects that are collected before they are deleted: more would have changed by the time of their deletion."""

FASTEST: Final = 10
"""Times the configured rate: the maximum while a backlog would outlast the interval."""
MOST_UNAVAILABLE: Final = 5
"""Calls in a row without a usable response after which a sweep ends: the next one tries again."""
MOST_SKIPPED: Final = 10_000
"""Objects that a sweep remembers because it failed to delete them; then it ends."""

logger = structlog.get_logger(__name__)


class FailureReason(StrEnum):
    """Why a listing or a deletion failed; a label value of the metric."""

    DENIED = "denied"
    """The account may not do this."""
    REFUSED = "refused"
    """The API server refuses the request, such as by an admission policy."""
    UNAVAILABLE = "unavailable"
    """There was no usable response, or the API server is overloaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """An object whose retention expires at `since`, as it was listed."""

    ref: ObjectRef
    uid: str
    version: str
    since: datetime


@dataclass(slots=True, kw_only=True)
class _Sweep:
    """What one sweep has counted so far."""

    backlog: int = 0
    """Objects that were overdue when they were counted."""
    overdue: int = 0
    """Overdue objects that are not deleted yet."""
    skipped: set[str] = field(default_factory=set)
    """The uids of objects that this sweep failed to delete."""
    failures: Counter[FailureReason] = field(default_factory=Counter)
    unavailable: int = 0
    """Calls in a row without a usable response."""
    error: KubeError | None = None
    """The first failure."""

    @property
    def ended(self) -> bool:
        """Whether going on is useless until the next sweep."""
        return self.unavailable >= MOST_UNAVAILABLE or len(self.skipped) >= MOST_SKIPPED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RetentionSweeper:
    """Sweeps the notifications at a fixed interval."""

    settings: Retention
    objects: KubeObjects
    namespaces: Sequence[str]
    """The namespaces to list; all if empty."""
    served: Container[str]
    """The namespaces in which objects may be deleted."""
    active: Callable[[], bool]
    """Returns whether this process works on anything now."""
    owns: Callable[[str], bool]
    """Returns whether the object with a uid belongs to this process."""
    deleted: prometheus_client.Counter
    failures: prometheus_client.Counter
    overdue: prometheus_client.Gauge
    clock: Callable[[], datetime]

    async def run(self) -> None:
        interval = self.settings.interval_seconds
        await asyncio.sleep(interval * FIRST)
        while True:
            sweep = _Sweep()
            for namespace in self.namespaces or (None,):
                await self._sweep(namespace, sweep)
            self.overdue.set(sweep.overdue)
            if sweep.failures:
                logger.warning(
                    "retention sweep incomplete; retrying",
                    failures=dict(sweep.failures),
                    error=str(sweep.error),
                    overdue=sweep.overdue,
                    seconds=interval,
                )
            await asyncio.sleep(interval)

    async def _sweep(self, namespace: str | None, sweep: _Sweep) -> None:
        """Delete the expired objects of a namespace, or of all, until none is left that can be deleted."""
        counts = True
        while self.active() and not sweep.ended:
            batch, complete = await self._collect(namespace, sweep, counts=counts)
            counts = False
            for expired in batch:
                await asyncio.sleep(1 / self._rate(sweep))
                if self._may_delete(expired) and not sweep.ended:
                    await self._delete(expired, sweep)
            if len(batch) < BATCH or not complete:
                return

    def _rate(self, sweep: _Sweep) -> float:
        """Return the deletions per second: more than the setting while the backlog would outlast the interval."""
        configured = self.settings.deletes_per_second
        if sweep.failures:
            return configured
        needed = sweep.backlog / self.settings.interval_seconds
        return min(max(configured, needed), configured * FASTEST)

    async def _collect(
        self, namespace: str | None, sweep: _Sweep, *, counts: bool
    ) -> tuple[Sequence[Expired], bool]:
        """Return a batch of expired objects, and whether the listing was complete.

        Objects that this sweep has failed to delete are left out. With `counts`, the whole listing is read to
        find out how many objects are overdue.
        """
        batch: list[Expired] = []
        try:
            async for page in self.objects.inconsistent_pages(namespace):
                expired = (_expired(obj, self.settings.failed_days) for obj in page)
                due = [each for each in expired if each and self._is_due(each)]
                new = [each for each in due if each.uid not in sweep.skipped]
                batch += new[: BATCH - len(batch)]
                if counts:
                    sweep.backlog += len(new)
                    sweep.overdue += len(new)
                    self.overdue.set(sweep.overdue)
                elif len(batch) >= BATCH:
                    break
                await asyncio.sleep(PAGE_PAUSE)
        except KubeError as error:
            self._count(error, sweep)
            return batch, False
        return batch, True

    def _is_due(self, expired: Expired) -> bool:
        return expired.since <= self.clock() and self._may_delete(expired)

    def _may_delete(self, expired: Expired) -> bool:
        return expired.ref.namespace in self.served and self.owns(expired.uid)

    async def _delete(self, expired: Expired, sweep: _Sweep) -> None:
        try:
            await self.objects.delete(expired.ref, uid=expired.uid, version=expired.version)
        except KubeError as error:
            sweep.skipped.add(expired.uid)
            if error.not_found or error.conflict:
                # The object is gone or has changed: the next sweep looks at it again.
                sweep.overdue -= 1
            else:
                self._count(error, sweep)
        else:
            sweep.overdue -= 1
            sweep.unavailable = 0
            self.overdue.set(sweep.overdue)
            self.deleted.inc()
            logger.info(
                "notification deleted: retention expired",
                notification=f"{expired.ref.namespace}/{expired.ref.name}",
                uid=expired.uid,
                due=expired.since.isoformat(),
            )

    def _count(self, error: KubeError, sweep: _Sweep) -> None:
        reason = _reason(error)
        sweep.error = sweep.error or error
        sweep.failures[reason] += 1
        sweep.unavailable = sweep.unavailable + 1 if reason is FailureReason.UNAVAILABLE else 0
        self.failures.labels(reason=reason.value).inc()


def _reason(error: KubeError) -> FailureReason:
    if error.denied:
        return FailureReason.DENIED
    return FailureReason.UNAVAILABLE if error.transient or error.expired else FailureReason.REFUSED


def _expired(obj: Mapping[str, Any], failed_days: int) -> Expired | None:
    since, meta = due_at(obj, failed_days=failed_days), obj["metadata"]
    if since is None:
        return None
    ref = ObjectRef(namespace=meta["namespace"], name=meta["name"])
    return Expired(ref=ref, uid=meta["uid"], version=meta["resourceVersion"], since=since)
