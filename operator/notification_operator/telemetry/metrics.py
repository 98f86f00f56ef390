"""The Prometheus metrics, each declared once, with the names of the contract."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from notification_operator.domain.model import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PREFIX = "kubernaut_notification_"


class Metrics:
    """Holds every metric of the process in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.reconciles = Counter(
            f"{PREFIX}reconciler_requests_total",
            "Passes that changed a notification, by the phase they led to.",
            ["type", "priority", "phase"],
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            f"{PREFIX}reconciler_duration_seconds", "Time of one pass in seconds.", registry=registry
        )
        self.reconcile_errors = Counter(
            f"{PREFIX}reconciler_errors_total",
            "Passes that broke off, by the kind of error.",
            ["error_type"],
            registry=registry,
        )
        self.delivery_attempts = Counter(
            f"{PREFIX}delivery_attempts_total",
            "Tries recorded, by channel and result (success or failure).",
            ["channel", "status"],
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            f"{PREFIX}delivery_duration_seconds",
            "Time of one try in seconds.",
            ["channel"],
            registry=registry,
        )
        self.delivery_retries = Counter(
            f"{PREFIX}delivery_retries_total",
            "Tries after the first one, by how they ended (recovered or failed_again).",
            ["channel", "reason"],
            registry=registry,
        )
        self.conflicts = Counter(
            f"{PREFIX}status_write_conflicts_total",
            "Status writes that met another writer, and were decided anew on a new read.",
            registry=registry,
        )
        self.routing_refusals = Counter(
            f"{PREFIX}routing_refusals_total",
            "Routing documents that could not be used.",
            registry=registry,
        )
        self.events_dropped = Counter(
            f"{PREFIX}events_dropped_total",
            "Kubernetes Events that were not posted: buffer_full, refused, unreachable or stopped.",
            ["reason"],
            registry=registry,
        )
        self.retention_deleted = Counter(
            f"{PREFIX}retention_deleted_total",
            "Finished notifications that were deleted when their retention was over.",
            registry=registry,
        )
        self._redactions = Counter(
            f"{PREFIX}sanitization_redactions_total",
            "Secrets masked in content and error texts, by the kind of secret.",
            ["pattern_type"],
            registry=registry,
        )
        self._active = Gauge(
            f"{PREFIX}reconciler_active",
            "Notifications in this phase that the operator still has to work on.",
            ["phase"],
            registry=registry,
        )
        for phase in Phase:
            self._active.labels(phase=phase.value)
        self._phases: dict[str, Phase] = {}

    def enter(self, uid: str, phase: Phase) -> None:
        """Count a notification under its phase."""
        self.leave(uid)
        self._phases[uid] = phase
        self._active.labels(phase=phase.value).inc()

    def leave(self, uid: str) -> None:
        """Stop counting a notification that is final or gone."""
        phase = self._phases.pop(uid, None)
        if phase is not None:
            self._active.labels(phase=phase.value).dec()

    def redacted(self, found: Mapping[str, int]) -> None:
        """Count secrets that were masked, by the name of the rule."""
        for name, count in found.items():
            self._redactions.labels(pattern_type=name).inc(count)

    def watch_channels(
        self, name: str, description: str, channels: Iterable[str], read: Callable[[str], float]
    ) -> None:
        """Publish a figure for each channel that is read when the page is."""
        gauge = Gauge(f"{PREFIX}{name}", description, ["channel"], registry=self.registry)
        for channel in channels:
            gauge.labels(channel=channel).set_function(partial(read, channel))
            self._begin(channel)

    def _begin(self, channel: str) -> None:
        """Let the counts of a channel begin at 0: of one that appears with its first try, no rise is ever seen."""
        for status in ("success", "failure"):
            self.delivery_attempts.labels(channel=channel, status=status)
        self.delivery_seconds.labels(channel=channel)

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Publish a figure that is read when the page is: a queue's depth, tries under way."""
        gauge = Gauge(f"{PREFIX}{name}", description, registry=self.registry)
        gauge.set_function(read)
