"""What the audit trail says of itself: the metrics, with the names that the other services use too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from notification_operator.domain.audit_events import ACTOR

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from notification_operator.observers.audit.buffer import Buffer

SERVICE = ("service",)


class AuditFigures:
    """Counts events: each one that was buffered is written, dropped, or waits."""

    def __init__(self, registry: CollectorRegistry, buffer: Buffer) -> None:
        def counter(name: str, description: str) -> Counter:
            return Counter(f"audit_{name}", description, SERVICE, registry=registry).labels(ACTOR)

        def gauge(name: str, description: str) -> Gauge:
            return Gauge(f"audit_{name}", description, SERVICE, registry=registry).labels(ACTOR)

        self.buffered = counter("events_buffered_total", "Events that were taken into the buffer.")
        self.written = counter("events_written_total", "Events that the audit store has taken.")
        self._dropped = counter(
            "events_dropped_total", "Events lost: buffer full, batch given up, or stopped."
        )
        self.lost = 0
        """How many events were dropped."""
        self.failed_batches = counter("batches_failed_total", "Batches that were given up.")
        self.write_seconds = Histogram(
            "audit_write_duration_seconds", "Time of one request to the store.", SERVICE, registry=registry
        ).labels(ACTOR)
        gauge("buffer_size", "Events that wait.").set_function(lambda: len(buffer))
        gauge("buffer_capacity", "Events that may wait.").set(buffer.capacity)
        gauge("buffer_utilization_ratio", "How full the buffer is, from 0 to 1.").set_function(
            lambda: len(buffer) / buffer.capacity
        )

    def drop(self, events: int) -> None:
        """Count events that are lost."""
        self.lost += events
        self._dropped.inc(events)
