"""From a watch event to a key in the work queue; the object that came with it is thrown away.

An event says that something may have to be done, never what: the pass reads the object itself.
So all that is looked at is what can only save a read: a final notification never changes again.

The watch follows what is not final (DD-WATCH-001), so DELETED tells of both: an object that has become
final, and one that is gone. Whichever it is, a pass finds out where anything is left to be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_operator.controller.workqueue import Key, WorkQueue
from notification_operator.domain.phases import FINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DELETED = "DELETED"


class Bell:
    """Rings the work queue for the objects that this operator serves."""

    def __init__(
        self,
        queue: WorkQueue,
        *,
        serves: Callable[[str], bool],
        over: Callable[[str], None],
        holds: Callable[[str], bool],
    ) -> None:
        self._queue = queue
        self._serves = serves
        self._over = over
        """Called with the uid of an object that is gone, or final, whoever made it so."""
        self._holds = holds
        """Whether tries of an object are not known to be written: then it needs a last pass."""

    def ring(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Take note of an event; `event_type` is None for objects of a listing."""
        meta = obj["metadata"]
        key = Key(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        over = event_type == DELETED or (obj.get("status") or {}).get("phase") in FINAL
        if over and not self._holds(key.uid):
            self._queue.forget(key)
            self._over(key.uid)
        elif self._serves(key.namespace):
            self._queue.add(key, version=meta["resourceVersion"])
