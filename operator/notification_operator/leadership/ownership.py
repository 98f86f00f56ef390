"""Ownership: whether this process may reconcile an object, start attempts, and record them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from notification_operator.domain.sharding import shard_of
from notification_operator.telemetry.gauges import ElectorStatistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_operator.controller.attempt_tracker import AttemptTracker
    from notification_operator.controller.workqueue import WorkQueue
    from notification_operator.domain.key import Key
    from notification_operator.leadership.elector import Elector

logger = structlog.get_logger(__name__)


class Ownership:
    """The one answer to whether new attempts may start, by leadership, routing rules and shutdown.

    Args:
        elector: None for a single replica without leader election, which works on everything.
        known: tells whether the rules of routing and the receivers were looked for.
    """

    def __init__(
        self,
        elector: Elector | None,
        attempts: AttemptTracker,
        queue: WorkQueue,
        *,
        known: Callable[[], bool],
    ) -> None:
        self._elector = elector
        self._attempts = attempts
        self._queue = queue
        self._known = known
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

    def may_start(self, shard_key: str) -> bool:
        """Return whether new attempts of an object may start now."""
        return not self._shutting_down and self._works_on(shard_key)

    def permission(self, key: Key) -> Callable[[], bool]:
        """Return what tells whether an attempt may begin that follows from a read of its object from now on.

        It is asked until the call begins. After the loss of the shard it stays False: where the shard is acquired again,
        another process may have made the attempt.
        """
        acquisitions = self._acquisitions(key)
        return lambda: self.may_start(key.shard_key) and self._acquisitions(key) == acquisitions

    def may_record(self, key: Key) -> bool:
        """Return whether this process may still record attempts of an object."""
        return (
            self._elector is None
            or self._elector.works_on(key.shard_key)
            or self._elector.is_leaving(key.shard_key)
        )

    def admits(self, key: Key) -> bool:
        """Return whether a reconciliation may start; where no attempt may, only one that records attempts."""
        has_work = self.may_start(key.shard_key) or (
            self.may_record(key) and self._attempts.has_unrecorded(key.uid)
        )
        return has_work and self._known()

    def drained(self, shard: int) -> bool:
        """Return whether no reconciliation and no attempt of a shard is running or unrecorded."""
        shards = 1 if self._elector is None else self._elector.shards
        return all(
            shard_of(key.shard_key, shards) != shard for key in (*self._queue.running, *self._attempts.keys)
        )

    def on_change(self) -> None:
        """Admit what may start now; during a shutdown, wait for nothing that belongs to another replica."""
        self._queue.readmit()
        foreign = [key for key in self._attempts.keys if not self.may_record(key)]
        if self._shutting_down and foreign:
            for key in foreign:
                self._attempts.forget(key.uid)
            logger.warning(
                "abandoned in-flight attempts after losing the shard lease", notifications=len(foreign)
            )

    def begin_shutdown(self) -> None:
        """Start no attempt from now on, and reconcile only what has attempts to record."""
        self._shutting_down = True
        if self._elector is not None:
            self._elector.begin_shutdown()
        self.on_change()
        self._queue.discard_pending(keep=lambda key: self._attempts.tracks(key.uid))

    def _acquisitions(self, key: Key) -> int:
        return 0 if self._elector is None else self._elector.acquisitions(key.shard_key)

    def _works_on(self, shard_key: str) -> bool:
        return self._elector is None or self._elector.works_on(shard_key)
