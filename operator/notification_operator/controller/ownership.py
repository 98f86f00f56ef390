"""Ownership: whether this process may reconcile an object, start attempts, and record them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from notification_domain.key import shard_of
from notification_runtime.telemetry.gauges import ElectorStatistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_domain.key import Key
    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.workqueue import WorkQueue
    from notification_runtime.leadership.elector import Elector
    from notification_runtime.telemetry.metrics import WaitingMessages

logger = structlog.get_logger(__name__)


class Ownership:
    """The one answer to whether new attempts may start, by leadership, namespace, routing rules and shutdown.

    Args:
        elector: None for a single replica without leader election, which works on everything.
        known: tells whether the rules of routing and the receivers were looked for.
        served_since: returns what identifies the time since the operator serves a namespace; None if it does not.
        waiting: counts the messages of the objects that this process works on.
    """

    def __init__(  # noqa: PLR0913 - what decides, and what follows from a change
        self,
        elector: Elector | None,
        attempts: AttemptTracker,
        queue: WorkQueue,
        *,
        known: Callable[[], bool],
        served_since: Callable[[str], object | None],
        waiting: WaitingMessages,
    ) -> None:
        self._elector = elector
        self._attempts = attempts
        self._queue = queue
        self._known = known
        self._served_since = served_since
        self._waiting = waiting
        self._shutting_down = False

    def statistics(self) -> ElectorStatistics:
        return ElectorStatistics() if self._elector is None else self._elector.statistics()

    @property
    def accepting_work(self) -> bool:
        """Whether no shutdown has begun."""
        return not self._shutting_down

    @property
    def active(self) -> bool:
        """Whether this process works on any shard and is not shutting down."""
        return not self._shutting_down and bool(self.statistics().working)

    def owns(self, shard_key: str) -> bool:
        """Return whether this process does what it finds to do in a shard now."""
        return not self._shutting_down and self._works_on(shard_key)

    def works_on(self, key: Key) -> bool:
        """Return whether new attempts of an object may start now."""
        return self._served_since(key.namespace) is not None and self.owns(key.shard_key)

    def permission(self, key: Key) -> Callable[[], bool]:
        """Return what tells whether an attempt may begin that follows from a read of its object from now on.

        It is asked until the call begins. After the loss of the shard or of the namespace it stays False: where it is
        acquired or served again, another process may have made the attempt.
        """
        tenure = self._tenure(key)
        return lambda: self.works_on(key) and self._tenure(key) == tenure

    def may_record(self, key: Key) -> bool:
        """Return whether this process may still record attempts of an object."""
        return (
            self._elector is None
            or self._elector.works_on(key.shard_key)
            or self._elector.is_leaving(key.shard_key)
        )

    def admits(self, key: Key) -> bool:
        """Return whether a reconciliation may start; where no attempt may, only one that records attempts."""
        has_work = self.works_on(key) or (self.may_record(key) and self._attempts.has_unrecorded(key.uid))
        return has_work and self._known()

    def drained(self, shard: int) -> bool:
        """Return whether no reconciliation and no attempt of a shard is running or unrecorded."""
        shards = 1 if self._elector is None else self._elector.shards
        return all(
            shard_of(key.shard_key, shards) != shard for key in (*self._queue.running, *self._attempts.keys)
        )

    def on_change(self) -> None:
        """Admit what may start now, and count what waits; during a shutdown, wait for nothing that belongs to another replica."""
        self._queue.readmit()
        self._waiting.keep({key.uid for key in self._queue.keys if self.may_record(key)})
        foreign = [key for key in self._attempts.keys if not self.may_record(key)]
        if self._shutting_down and foreign:
            for key in foreign:
                self._attempts.forget(key.uid)
            logger.warning(
                "abandoned in-flight attempts after losing the shard lease", notifications=len(foreign)
            )

    def on_namespace(self, name: str) -> None:
        """Look again at what is known of a namespace that is served again; count nothing of one that is not any more."""
        served = self._served_since(name) is not None
        for key in tuple(self._queue.backlog.of(name)):
            if served:
                self._queue.add(key)
            else:
                self._waiting.forget(key.uid)

    def begin_shutdown(self) -> None:
        """Start no attempt from now on, and reconcile only what has attempts to record."""
        self._shutting_down = True
        if self._elector is not None:
            self._elector.begin_shutdown()
        self.on_change()
        self._queue.discard_pending(keep=lambda key: self._attempts.tracks(key.uid))

    def _tenure(self, key: Key) -> tuple[object, int]:
        """Return what identifies the time since this process works on an object."""
        acquisitions = 0 if self._elector is None else self._elector.acquisitions(key.shard_key)
        return self._served_since(key.namespace), acquisitions

    def _works_on(self, shard_key: str) -> bool:
        return self._elector is None or self._elector.works_on(shard_key)
