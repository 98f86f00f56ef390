"""From the watch of notifications to keys in the work queue; the object that came with an event is discarded.

An event says that an object may have to be reconciled, never how: the reconciliation reads the object itself. The
event handler looks only at what can save a read: a final notification never changes again.

The watch follows open notifications (DD-WATCH-001): the CRD makes `status.phase` selectable, so that a final one takes
no memory here. DELETED therefore has two meanings: the object became final, or it
was deleted. If attempts are unrecorded, a last reconciliation finds out which.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import structlog

from notification_domain.key import Key
from notification_domain.status import FINAL, phase_of
from notification_runtime.kube.collection_watch import retry_delay
from notification_runtime.kube.requests import KubeError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.workqueue import Backlog, WorkQueue
    from notification_runtime.kube.objects import Pages
    from notification_runtime.telemetry.metrics import Metrics

logger = structlog.get_logger(__name__)

LISTING_INTERVAL: Final = 60.0
"""Seconds between two listings while less than half of the queue is free."""
REPLACING_INTERVAL: Final = 600.0
"""Seconds between two listings for places of notifications that wait for long: what gives way is read again by the next one."""

OPEN: Final = ",".join(f"status.phase!={phase}" for phase in sorted(FINAL))
DELETED = "DELETED"
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class EventHandler:
    """Enqueues the objects of the served namespaces, and forgets the ones that are deleted or final."""

    queue: WorkQueue
    attempts: AttemptTracker
    may_record: Callable[[Key], bool]
    """Tells whether this process may still record attempts of an object."""
    metrics: Metrics
    served: Container[str]
    """The namespaces that are served."""
    leave: Callable[[Key], None]
    """Called with each notification of an incident that is deleted or final."""

    def handle(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Handle an event; `event_type` is None for an object of a listing."""
        if self.forget_ended(event_type, obj):
            return
        key = _key(obj)
        if key.namespace in self.served:
            self._add(key, version=obj["metadata"]["resourceVersion"])

    def forget_ended(self, event_type: str | None, obj: Mapping[str, Any]) -> bool:
        """Forget an object that an event shows as deleted or final; return False if there is more to do with the event."""
        if event_type != DELETED and phase_of(obj) not in FINAL:
            return False
        key = _key(obj)
        if self._has_attempts_to_record(key):
            return False
        self._forget(key)
        return True

    def begin_listing(self, namespace: str | None) -> Listing[Key]:
        """Begin to compare a listing of a namespace, or of all, with the queue.

        A listed object is handled at once, so that kopf needs no task for each of them.
        """
        known = (key for key in self.queue.keys if namespace in {None, key.namespace})
        return Listing(known, key_of=_key, on_missing=self.close, on_listed=partial(self.handle, None))

    def close(self, key: Key) -> None:
        """Handle a key whose object became final or was deleted while no watch reported it."""
        if self._has_attempts_to_record(key):
            self.queue.add(key)
        else:
            self._forget(key)

    def _add(self, key: Key, *, version: str) -> None:
        """Enqueue a key; where the queue holds too many, drop the one that gives way."""
        victim = self.queue.victim(key, may_drop=self._may_drop)
        if victim is not None:
            self._drop(victim)
        if victim != key:
            self.queue.add(key, version=version)

    def _drop(self, key: Key) -> None:
        self.queue.drop(key)
        self.attempts.forget(key.uid)
        self.metrics.leave(key.uid)
        self.metrics.queue_dropped.inc()

    def _may_drop(self, key: Key) -> bool:
        return not self.attempts.tracks(key.uid) and key not in self.queue.running

    def _forget(self, key: Key) -> None:
        self.queue.forget(key)
        self.attempts.forget(key.uid)
        self.metrics.leave(key.uid)
        if key.incident:
            self.leave(key)

    def _has_attempts_to_record(self, key: Key) -> bool:
        return self.attempts.tracks(key.uid) and self.may_record(key)


def _key(obj: Mapping[str, Any]) -> Key:
    meta = obj["metadata"]
    incident = (obj.get("spec") or {}).get("dedupKey") or ""
    return Key(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"], incident=incident)


class Listing(Generic[Item]):
    """Finds what a complete listing does not contain: while a watch is broken, nothing reports what is gone.

    Only what is known already is remembered, so a listing may be long.

    Args:
        known: what exists as far as is known.
        key_of: identifies an object.
        on_missing: called with each one that was not listed.
        on_listed: called with each listed object; None: kopf's handler is called with it.
    """

    def __init__(
        self,
        known: Iterable[Item],
        *,
        key_of: Callable[[Mapping[str, Any]], Item],
        on_missing: Callable[[Item], None],
        on_listed: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._missing = set(known)
        self._key_of = key_of
        self._on_missing = on_missing
        self._on_listed = on_listed

    def add(self, obj: Mapping[str, Any]) -> bool:
        """Note a listed object; return whether kopf's handler has to be called with it."""
        self._missing.discard(self._key_of(obj))
        if self._on_listed is None:
            return True
        self._on_listed(obj)
        return False

    def complete(self) -> None:
        """Handle the end of the listing: what is not in it is gone."""
        for item in self._missing:
            self._on_missing(item)


@dataclass(frozen=True, slots=True, eq=False)
class BacklogListing:
    """Lists all open notifications again whenever the backlog has room for the ones that it dropped (DD-BOUNDS-001).

    Half of the queue is enough room for a listing at once. Notifications that wait for a receiver keep their places, so that
    half may never be free: with less room, there is a listing each minute. Those whose time is far ahead give way: there is a
    listing for their places, and one before the time of each that gave way.

    Each listing goes to the end. One that stopped where the queue is full again would prefer the namespaces that come first.
    """

    pages: Pages
    """Lists the open notifications."""
    namespaces: Sequence[str]
    """The namespaces that are watched; empty for all."""
    backlog: Backlog
    handler: EventHandler
    accepting_work: Callable[[], bool]
    """Tells whether no shutdown has begun."""

    async def run(self) -> None:
        failures, may_replace_from = 0, 0.0
        while True:
            await self._listing_due(may_replace_from)
            may_replace_from = asyncio.get_running_loop().time() + REPLACING_INTERVAL
            self.backlog.begin_listing()
            logger.info("listing open notifications again: the work queue had dropped some")
            error = await self._list_all()
            if error is None:
                failures = 0
                continue
            failures += 1
            logger.warning("open notifications not listed; retrying", error=str(error))
            await asyncio.sleep(retry_delay(failures))
            self.backlog.repeat_listing()

    async def _listing_due(self, may_replace_from: float) -> None:
        backlog, clock = self.backlog, asyncio.get_running_loop().time
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LISTING_INTERVAL):
                    await backlog.listing_due.wait()
            if backlog.listing_due.is_set() or backlog.has_room or backlog.is_time_near:
                return
            if backlog.may_replace and clock() >= may_replace_from:
                return

    async def _list_all(self) -> KubeError | None:
        """Return the failure that a repetition may overcome. The watch of a refused namespace lists it again itself."""
        failure = None
        for namespace in self.namespaces or (None,):
            try:
                await self._list(namespace)
            except KubeError as error:
                if not (error.denied or error.not_found):
                    failure = error
        return failure

    async def _list(self, namespace: str | None) -> None:
        async for page in self.pages(namespace):
            for obj in page:
                if not self.accepting_work():
                    return
                self.handler.handle(None, obj)
            await asyncio.sleep(0)
