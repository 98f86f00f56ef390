"""From a watch event to a key in the work queue; the object that came with the event is discarded.

An event says that an object may have to be reconciled, never how: the reconciliation reads the object itself. The
event handler looks only at what can save a read: a final notification never changes again.

The watch follows open notifications (DD-WATCH-001), so DELETED has two meanings: the object became final, or it
was deleted. If attempts are unrecorded, a last reconciliation finds out which.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from notification_operator.domain.key import Key
from notification_operator.domain.status import FINAL, phase_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.workqueue import WorkQueue
    from notification_operator.telemetry.metrics import Metrics

DELETED = "DELETED"


Item = TypeVar("Item")


class Listing(Generic[Item]):
    """Finds what a complete listing does not contain: while a watch is broken, nothing reports what is gone.

    Only what is known already is remembered, so a listing may be long.

    Args:
        known: what exists as far as is known.
        key_of: identifies an object by its metadata.
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
        self._missing.discard(self._key_of(obj["metadata"]))
        if self._on_listed is None:
            return True
        self._on_listed(obj)
        return False

    def complete(self) -> None:
        """Handle the end of the listing: what is not in it is gone."""
        for item in self._missing:
            self._on_missing(item)


class EventHandler:
    """Enqueues the objects of the served namespaces, and forgets the ones that are deleted or final.

    Args:
        may_record: tells of a uid whether this process may still record attempts of the object.
        served: the namespaces that are served.
    """

    def __init__(
        self,
        queue: WorkQueue,
        *,
        attempts: AttemptTracker,
        may_record: Callable[[str], bool],
        metrics: Metrics,
        served: Container[str],
    ) -> None:
        self._queue = queue
        self._attempts = attempts
        self._may_record = may_record
        self._metrics = metrics
        self._served = served

    def handle(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Handle an event; `event_type` is None for an object of a listing."""
        meta = obj["metadata"]
        key = _key(meta)
        closed = event_type == DELETED or phase_of(obj) in FINAL
        if closed and not self._has_attempts_to_record(key.uid):
            self._forget(key)
        elif key.namespace in self._served:
            self._add(key, version=meta["resourceVersion"])

    def begin_listing(self, namespace: str | None) -> Listing[Key]:
        """Begin to compare a listing of a namespace, or of all, with the queue.

        A listed object is handled at once, so that kopf needs no task for each of them.
        """
        known = (key for key in self._queue.keys if namespace in {None, key.namespace})
        return Listing(known, key_of=_key, on_missing=self.close, on_listed=partial(self.handle, None))

    def close(self, key: Key) -> None:
        """Handle a key whose object became final or was deleted while no watch reported it."""
        if self._has_attempts_to_record(key.uid):
            self._queue.add(key)
        else:
            self._forget(key)

    def _add(self, key: Key, *, version: str) -> None:
        """Enqueue a key; where the queue holds too many, drop the one that gives way."""
        victim = self._queue.victim(key, may_drop=self._may_drop)
        if victim is not None:
            self._drop(victim)
        if victim != key:
            self._queue.add(key, version=version)

    def _drop(self, key: Key) -> None:
        self._queue.drop(key)
        self._attempts.forget(key.uid)
        self._metrics.leave(key.uid)
        self._metrics.queue_dropped.inc()

    def _may_drop(self, key: Key) -> bool:
        return not self._attempts.tracks(key.uid) and key not in self._queue.running

    def _forget(self, key: Key) -> None:
        self._queue.forget(key)
        self._attempts.forget(key.uid)
        self._metrics.leave(key.uid)

    def _has_attempts_to_record(self, uid: str) -> bool:
        return self._attempts.tracks(uid) and self._may_record(uid)


def _key(meta: Mapping[str, Any]) -> Key:
    return Key(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
