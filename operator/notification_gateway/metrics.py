"""The Prometheus metrics of the gateway."""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from notification_runtime.telemetry.metrics import OTHER, PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

MAX_SOURCES: Final = 1000
"""Sources that have series of their own."""
CREATED_DIRECTLY: Final = "notifications"
"""The label of notifications that a caller creates itself; that of a source contains a slash."""
UNKNOWN: Final = ""
"""The label of what was not authenticated."""
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Outcome(StrEnum):
    """What a message led to."""

    CREATED = "created"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"
    BEAT = "beat"
    READ = "read"
    """Nothing was sent: the state of a notification was asked for."""
    CONFLICT = "conflict"
    LIMITED = "limited"
    MALFORMED = "malformed"
    """It can never succeed, whatever the reason."""
    UNAVAILABLE = "unavailable"
    """It may succeed later: the API server, a quota, or the gateway itself is the reason."""
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"


class Metrics:
    """Every metric of the process, in its own registry.

    Args:
        exists: returns whether a source (namespace/name) exists now: only then it is counted by name.
    """

    def __init__(self, *, exists: Callable[[str], bool] = lambda _source: True) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._received = Counter(
            f"{PREFIX}source_received_total",
            "Messages that were answered, by source (namespace/name, `notifications` for those that a caller creates itself, empty for "
            "messages that were not authenticated, `other` for a source that is not counted by name) and outcome "
            f"({', '.join(Outcome)}).",
            ("source", "outcome"),
            registry=registry,
        )
        self._unauthenticated = Counter(
            f"{PREFIX}source_unauthenticated_total",
            "Messages with wrong credentials that were answered 401, by source (namespace/name, `other` for a source that is not counted by "
            "name), of sources that have accepted a message before.",
            ("source",),
            registry=registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}source_request_seconds",
            "Seconds from the head of a request to its answer, by outcome.",
            ("outcome",),
            buckets=BUCKETS,
            registry=registry,
        )
        self.rendering_failures = Counter(
            f"{PREFIX}source_template_failures_total",
            "Templates of sources that the render worker did not render, so that the built-in text was used, by reason.",
            ("reason",),
            registry=registry,
        )
        self._exists = exists
        self._named: set[str] = set()

    def received(self, source: str, outcome: Outcome, seconds: float) -> None:
        """Count a message that was answered."""
        label = source if source in {UNKNOWN, CREATED_DIRECTLY} else self._label(source)
        self._received.labels(source=label, outcome=outcome.value).inc()
        self._seconds.labels(outcome=outcome.value).observe(seconds)

    def unauthenticated(self, source: str) -> None:
        """Count a message with wrong credentials for a source that has accepted one before."""
        self._unauthenticated.labels(source=self._label(source)).inc()

    def rendering_failed(self, reason: str) -> None:
        """Count a template that was not rendered."""
        self.rendering_failures.labels(reason=reason).inc()

    def forget(self, source: str) -> None:
        """Remove the series of a source that does not exist any more."""
        if source in self._named:
            self._named.remove(source)
            self._unauthenticated.remove(source)
            for outcome in Outcome:
                self._received.remove(source, outcome.value)

    def _label(self, source: str) -> str:
        has_room = source in self._named or len(self._named) < MAX_SOURCES
        # A message may be answered after its source was deleted.
        if has_room and self._exists(source):
            self._named.add(source)
            return source
        return OTHER


class LastReceived(Collector):
    """Publishes when each source last received a message, as a function returns it; None before the first one."""

    def __init__(self, times: Callable[[], Mapping[str, datetime | None]]) -> None:
        self._times = times

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge without sources."""
        yield self._gauge({})

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge with its values."""
        yield self._gauge(self._times())

    def _gauge(self, times: Mapping[str, datetime | None]) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(
            f"{PREFIX}source_last_received_timestamp_seconds",
            "Unix time at which a replica last received a message for the NotificationSource (namespace/name), as its status says; 0 "
            "before the first one.",
            labels=["source"],
        )
        for source, time in islice(times.items(), MAX_SOURCES):
            gauge.add_metric([source], time.timestamp() if time else 0.0)
        return gauge
