"""The gauges that are read from the statistics of the operator's parts whenever Prometheus scrapes them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_operator.domain.routing.state import RoutingState
    from notification_operator.telemetry.metrics import Metrics
    from notification_operator.telemetry.statistics import (
        AttemptStatistics,
        ElectorStatistics,
        LoopStatistics,
        QueueStatistics,
    )


class Queue(Protocol):
    """The work queue."""

    def statistics(self) -> QueueStatistics:
        """Return the current numbers."""
        ...


class Attempts(Protocol):
    """The attempt tracker."""

    def statistics(self) -> AttemptStatistics:
        """Return the current numbers."""
        ...


class Ownership(Protocol):
    """The shards of this replica."""

    def statistics(self) -> ElectorStatistics:
        """Return the current shards."""
        ...


class Routing(Protocol):
    """The routing rules."""

    @property
    def state(self) -> RoutingState:
        """The rules in force."""
        ...


class Watches(Protocol):
    """The watches of notifications."""

    @property
    def unavailable_namespaces(self) -> Sequence[str]:
        """The namespaces that the API server has refused for long."""
        ...


class Loop(Protocol):
    """The event loop."""

    def statistics(self) -> LoopStatistics:
        """Return the current numbers."""
        ...


def publish(  # noqa: PLR0913 - the parts that are observed
    metrics: Metrics,
    *,
    queue: Queue,
    attempts: Attempts,
    ownership: Ownership,
    routing: Routing,
    watches: Watches,
    loop: Loop,
) -> None:
    """Add the gauges to the metrics."""
    _publish_queue(metrics, queue)
    watch = metrics.add_gauge
    watch("in_flight", "Running delivery attempts.", lambda: attempts.statistics().running)
    watch(
        "unsaved_attempts",
        "Finished delivery attempts that are not yet recorded in a status.",
        lambda: attempts.statistics().unrecorded,
    )
    watch(
        "in_flight_bytes",
        "Bytes of content that running attempts hold or that are reserved for them.",
        lambda: attempts.statistics().held_bytes,
    )
    watch(
        "attempts_waiting",
        "Delivery attempts that are due and wait for room in the memory of their channel.",
        lambda: attempts.statistics().waiting,
    )
    watch("runtime_tasks", "Asyncio tasks that are not done.", lambda: len(asyncio.all_tasks()))
    watch("runtime_threads", "Threads that are alive.", threading.active_count)
    watch(
        "event_loop_gap_seconds",
        "Longest time in seconds, in the last minute, for which the event loop ran nothing else.",
        lambda: loop.statistics().gap_seconds,
    )
    watch(
        "leading",
        "Whether this replica works on any shard (1) or stands by (0).",
        lambda: float(bool(ownership.statistics().working)),
    )
    watch("shards", "Shards that all notifications are split into.", lambda: ownership.statistics().shards)
    watch("shards_owned", "Shards that this replica works on.", lambda: len(ownership.statistics().working))
    watch(
        "routing_loaded",
        "Whether a routing document exists and its rules are in force (1); else 0.",
        lambda: float(routing.state.loaded),
    )
    watch(
        "routing_generation",
        "Changes of the routing document so far: accepted, refused or removed.",
        lambda: routing.state.generation,
    )
    watch(
        "namespaces_unavailable",
        "Namespaces of watch.namespaces that the API server has refused to list or watch for a minute.",
        lambda: len(watches.unavailable_namespaces),
    )


def _publish_queue(metrics: Metrics, queue: Queue) -> None:
    watch = metrics.add_gauge
    watch("queue_depth", "Notifications that wait for a worker.", lambda: queue.statistics().waiting)
    watch(
        "queue_oldest_seconds",
        "Age in seconds of the oldest notification waiting for a worker.",
        lambda: queue.statistics().oldest_seconds,
    )
    watch(
        "queue_held_back",
        "Notifications that wait until this replica may work on them.",
        lambda: queue.statistics().parked,
    )
    watch(
        "queue_stalled",
        "Notifications whose status the API server refuses; each waits for a change of the object.",
        lambda: queue.statistics().stalled,
    )
    watch(
        "queue_incomplete",
        "Whether the work queue dropped notifications that it has not listed again yet (1); else 0.",
        lambda: float(queue.statistics().incomplete),
    )
    watch("queue_running", "Notifications that are being reconciled.", lambda: queue.statistics().running)
    watch(
        "queue_delayed",
        "Notifications that are scheduled for a later reconciliation.",
        lambda: queue.statistics().delayed,
    )
