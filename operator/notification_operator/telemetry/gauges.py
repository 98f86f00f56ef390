"""The figures that are read from the parts of the operator whenever the metrics page is."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notification_operator.controller.workqueue import WorkQueue
    from notification_operator.delivery.attempt_tracker import Ledger
    from notification_operator.leadership.ownership import Duty
    from notification_operator.telemetry.metrics import Metrics
    from notification_operator.watch.routing_config import RoutingSource


def publish(
    metrics: Metrics, *, queue: WorkQueue, ledger: Ledger, duty: Duty, routing: RoutingSource
) -> None:
    """Publish them."""
    watch = metrics.add_gauge
    watch("queue_depth", "Notifications that wait for a worker.", lambda: queue.waiting)
    watch("queue_oldest_seconds", "How long the first of these has waited.", lambda: queue.oldest)
    watch(
        "queue_held_back",
        "Notifications that wait until this replica may work on them.",
        lambda: queue.held_back,
    )
    watch("queue_running", "Notifications in a pass.", lambda: queue.running)
    watch("queue_delayed", "Notifications that wait for their time.", lambda: queue.delayed)
    watch("in_flight", "Tries under way.", lambda: ledger.in_flight)
    watch("unsaved_attempts", "Tries over and not yet written.", lambda: ledger.unsaved)
    watch("runtime_tasks", "Asyncio tasks that are not done.", lambda: len(asyncio.all_tasks()))
    watch("runtime_threads", "Threads that are alive.", threading.active_count)
    watch(
        "leading",
        "Whether this replica works (1) or stands by (0).",
        lambda: float(duty.owned > 0),
    )
    watch("shards", "Shards that all notifications are shared among.", lambda: duty.shards)
    watch("shards_owned", "Shards that this replica works on.", lambda: duty.owned)
    watch(
        "routing_loaded",
        "Whether there is a routing document and it is the one in force (1); else 0.",
        lambda: float(routing.state.loaded),
    )
    watch(
        "routing_generation",
        "Changes of the routing document that took effect: accepted, refused or removed.",
        lambda: routing.state.generation,
    )
