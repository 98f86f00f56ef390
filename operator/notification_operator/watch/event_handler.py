"""From a watch event to a key in the work queue; the object that came with the event is discarded.

An event says that an object may have to be reconciled, never how: the reconciliation reads the object itself. The
event handler looks only at what can save a read: a final notification never changes again.

The watch follows open notifications (DD-WATCH-001), so DELETED has two meanings: the object became final, or it
was deleted. If attempts are unrecorded, a last reconciliation finds out which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_operator.domain.folding.phases import FINAL
from notification_operator.domain.key import Key
from notification_operator.domain.status import phase_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.workqueue import WorkQueue
    from notification_operator.telemetry.metrics import Metrics

DELETED = "DELETED"


class Listing:
    """Finds the keys of the queue that a complete listing does not contain: their objects are closed.

    While a watch is broken, nothing reports what is deleted or becomes final. Only keys of the queue are remembered,
    so a listing may be long.
    """

    def __init__(self, handler: EventHandler, missing: set[Key]) -> None:
        self._handler = handler
        self._missing = missing

    def add(self, obj: Mapping[str, Any]) -> bool:
        """Handle a listed object at once, so that kopf needs no task for each of them."""
        self._missing.discard(_key(obj["metadata"]))
        self._handler.handle(None, obj)
        return False

    def complete(self) -> None:
        """Close the keys that were not listed."""
        for key in self._missing:
            self._handler.close(key)


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

    def begin_listing(self, namespace: str | None) -> Listing:
        """Begin to compare a listing of a namespace, or of all, with the queue."""
        return Listing(self, {key for key in self._queue.keys if namespace in {None, key.namespace}})

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
