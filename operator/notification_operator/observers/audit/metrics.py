"""The audit metrics, with the names that other services use too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from notification_operator.domain.audit_events import ACTOR

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from notification_operator.observers.audit.buffer import Buffer

SERVICE = ("service",)


class AuditMetrics:
    """Counts events: every buffered event is later written, dropped, or still pending."""

    def __init__(self, registry: CollectorRegistry, buffer: Buffer) -> None:
        def counter(name: str, description: str) -> Counter:
            return Counter(f"audit_{name}", description, SERVICE, registry=registry).labels(ACTOR)

        def gauge(name: str, description: str) -> Gauge:
            return Gauge(f"audit_{name}", description, SERVICE, registry=registry).labels(ACTOR)

        self.buffered = counter("events_buffered_total", "Audit events added to the buffer.")
        self.written = counter("events_written_total", "Audit events accepted by the audit store.")
        self.dropped = counter(
            "events_dropped_total",
            "Audit events lost because the buffer was full, the store refused them, or the operator stopped.",
        )
        self.failed_batches = counter(
            "batches_failed_total", "Audit batches dropped because the store refused them."
        )
        self.write_seconds = Histogram(
            "audit_write_duration_seconds",
            "Duration in seconds of one request to the audit store.",
            SERVICE,
            registry=registry,
        ).labels(ACTOR)
        gauge("buffer_size", "Audit events in the buffer.").set_function(lambda: len(buffer))
        gauge("buffer_capacity", "Maximum number of audit events in the buffer.").set(buffer.capacity)
        gauge("buffer_utilization_ratio", "Utilization of the audit buffer, from 0 to 1.").set_function(
            lambda: len(buffer) / buffer.capacity
        )
