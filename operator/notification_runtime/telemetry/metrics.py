"""The Prometheus metrics, each declared once, with the names of the contract, and the messages that wait, which some are about."""

from __future__ import annotations

from collections import Counter as Counts
from functools import partial
from math import inf
from sys import intern
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from notification_contract.kinds.choices import Phase
from notification_domain.folding.outcome import DEAD_LETTER_REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

PREFIX: Final = "kubernaut_notification_"
MAX_RECEIVERS: Final = 1000
"""Receivers that have series of their own."""
MAX_NAMESPACES: Final = 1000
"""Namespaces that have series of their own."""
DELIVERY_BUCKETS: Final = (
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    600.0,
    1800.0,
    3600.0,
    21_600.0,
    86_400.0,
)
"""Seconds: from a delivery without any wait to one after a day."""
OTHER: Final = "other"
"""The label of all further receivers together; the name of a receiver contains a slash."""
DELIVERING = "Delivering"
"""The reason of a message whose attempt runs, or waits for its turn at a slow receiver."""


class Wait(NamedTuple):
    """A message that waits, or is on its way."""

    receiver: str
    """Namespace and name, or the channel of the settings."""
    reason: str
    """That of its target."""
    since: float
    """Unix time from which it may be delivered."""


class WaitingMessages:
    """The waits of the notifications that this process works on, each as of its latest reconciliation."""

    def __init__(self) -> None:
        self._waits: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {}
        """By the uid of the notification: receivers with reasons, each text in memory once, and since when (DD-TABLE-001)."""
        self._counts: Counts[str] = Counts()
        """By receiver; none is 0."""
        self._on_change: Callable[[str], None] = lambda _receiver: None

    def totals(self) -> Iterator[tuple[Wait, int]]:
        """Yield the longest wait of each receiver and reason, and how many there are."""
        counts, oldest = Counts[str](), dict[str, float]()
        for texts, times in self._waits.values():
            counts.update(texts)
            for text, since in zip(texts, times, strict=True):
                if since < oldest.get(text, inf):
                    oldest[text] = since
        for text, since in oldest.items():
            receiver, _, reason = text.rpartition(" ")
            yield Wait(receiver, reason, since), counts[text]

    def count(self, receiver: str) -> int:
        """Return the number of messages that wait for a receiver."""
        return self._counts[receiver]

    def observe(self, on_change: Callable[[str], None]) -> None:
        """Call a function with each receiver whose number of waiting messages has changed, from now on."""
        self._on_change = on_change

    def put(self, uid: str, waits: Sequence[Wait]) -> None:
        """Replace the waits of a notification."""
        texts, _ = self._waits.pop(uid, ((), ()))
        before, after = (
            Counts(text.rpartition(" ")[0] for text in texts),
            Counts(wait.receiver for wait in waits),
        )
        if waits:
            texts = tuple(intern(f"{wait.receiver} {wait.reason}") for wait in waits)
            self._waits[uid] = texts, tuple(wait.since for wait in waits)
        for receiver in before.keys() | after.keys():
            if more := after[receiver] - before[receiver]:
                self._counts[receiver] += more
                if not self._counts[receiver]:
                    del self._counts[receiver]
                self._on_change(receiver)

    def forget(self, uid: str) -> None:
        """Forget a notification that is final, was deleted, or belongs to another process."""
        self.put(uid, ())

    def keep(self, owned: Container[str]) -> None:
        """Forget the notifications that this process does not work on any more; the others are given by uid."""
        for uid in [uid for uid in self._waits if uid not in owned]:
            self.forget(uid)


class Metrics:
    """Every metric of the process, in its own registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def counter(name: str, description: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"{PREFIX}{name}", description, labels, registry=registry)

        def gauge(name: str, description: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"{PREFIX}{name}", description, labels, registry=registry)

        def histogram(
            name: str,
            description: str,
            labels: tuple[str, ...] = (),
            buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS,
        ) -> Histogram:
            return Histogram(f"{PREFIX}{name}", description, labels, registry=registry, buckets=buckets)

        self.reconciles = counter(
            "reconciler_requests_total",
            "Reconciliations that changed a notification, by the resulting phase.",
            ("type", "priority", "phase"),
        )
        self.reconcile_seconds = histogram(
            "reconciler_duration_seconds", "Duration in seconds of one reconciliation."
        )
        self.reconcile_errors = counter(
            "reconciler_errors_total", "Failed reconciliations, by error type.", ("error_type",)
        )
        self.delivery_attempts = counter(
            "delivery_attempts_total",
            "Recorded delivery attempts that called a channel, by channel, receiver (empty for a channel of the settings, `other` for "
            "one that is not counted by name) and status (success or failure).",
            ("channel", "receiver", "status"),
        )
        self.attempt_seconds = histogram(
            "delivery_duration_seconds",
            "Duration in seconds of one delivery attempt.",
            ("channel",),
        )
        self.delivery_seconds = histogram(
            "delivery_seconds",
            "Seconds from the creation of a notification, or from its spec.notBefore, to its delivery to one target. The creation is "
            "known to the second.",
            ("channel",),
            DELIVERY_BUCKETS,
        )
        self.delivery_retries = counter(
            "delivery_retries_total",
            "Delivery attempts after the first one, by result (recovered or failed_again).",
            ("channel", "receiver", "reason"),
        )
        self.dead_letters = counter(
            "dead_letters_total",
            "Notifications that ended as Failed or PartiallySent, by the reason of the phase.",
            ("reason",),
        )
        for reason in DEAD_LETTER_REASONS:
            # The first increase of a new series is invisible to `increase`.
            self.dead_letters.labels(reason=reason.value)
        self.only_logged = counter(
            "only_logged_total",
            "Notifications that are Sent although only the operator's log has them, because no channel, receiver or routing rule was chosen; "
            "by their namespace (`other` for one that is not counted by name).",
            ("notification_namespace",),
        )
        self.fallback_rescues = counter(
            "fallback_rescues_total",
            "Targets of the receiver (`other` for one that is not counted by name) that did not get their message, and whose fallback "
            "delivered it; counted when the notification ends.",
            ("receiver",),
        )
        self.rate_limited = counter(
            "rate_limited_total",
            "Targets of the receiver (`other` for one that is not counted by name) whose message was suppressed, because it exceeded the "
            "rate limit of the receiver; counted when the notification ends.",
            ("receiver",),
        )
        self.conflicts = counter(
            "status_write_conflicts_total",
            "Status writes that conflicted with another writer and were repeated on a fresh read.",
        )
        self.queue_dropped = counter(
            "queue_dropped_total",
            "Notifications dropped from the work queue because it held queue.max_notifications; they are listed again later.",
        )
        self.routing_refusals = counter("routing_refusals_total", "Routing documents refused as invalid.")
        self.events_dropped = counter(
            "events_dropped_total",
            "Kubernetes Events not posted, by reason (buffer_full, refused, unreachable or stopped).",
            ("reason",),
        )
        self.retention_deleted = counter(
            "retention_deleted_total", "Final notifications deleted after their retention period."
        )
        self.retention_failures = counter(
            "retention_failures_total",
            "Listings and deletions of the retention sweep that failed, by reason (denied, refused or unavailable).",
            ("reason",),
        )
        self.retention_overdue = gauge(
            "retention_overdue",
            "Notifications whose retention has expired and that are not deleted yet, at the latest sweep.",
        )
        self.heartbeats_reported = counter(
            "heartbeats_reported_total",
            "Notifications created about heartbeats of NotificationSources, by report (missed, back or missed_all).",
            ("report",),
        )
        for report in ("missed", "back", "missed_all"):
            self.heartbeats_reported.labels(report=report)
        self.heartbeats_missing = gauge(
            "heartbeats_missing",
            "NotificationSources of the shards of this replica whose heartbeat is missing.",
        )
        self.external_heartbeat_success = gauge(
            "external_heartbeat_last_success_timestamp_seconds",
            "Unix time at which this replica last told the dead man's switch that the platform delivers; 0 before the first time.",
        )
        self.external_heartbeat_failures = counter(
            "external_heartbeat_failures_total",
            "Requests to the dead man's switch that failed, or were not sent because the Secret or the result of the last drill could not be read.",
        )
        self.settings_ignored = gauge(
            "settings_ignored",
            "Settings of the configuration file that this operator does not have and ignores, because the file needs a newer version.",
        )
        self._rendering_failures = counter(
            "rendering_failures_total",
            "Texts that the render worker neither redacted nor rendered, so that their messages were sent shortened or without "
            "them, by reason (deadline, ended, error, not_started or refused).",
            ("reason",),
        )
        for cause in ("deadline", "ended", "error", "not_started", "refused"):
            self._rendering_failures.labels(reason=cause)
        self._redactions = counter(
            "sanitization_redactions_total",
            "Secrets redacted in content and error texts, by pattern type.",
            ("pattern_type",),
        )
        self._active = gauge(
            "reconciler_active", "Notifications in this phase that are not final yet.", ("phase",)
        )
        for phase in Phase:
            self._active.labels(phase=phase.value)
        self._phases: dict[str, Phase] = {}
        self.waiting = WaitingMessages()

    @property
    def active(self) -> Mapping[str, Phase]:
        """The phase of each notification that is counted as active, by uid."""
        return self._phases

    def enter(self, uid: str, phase: Phase) -> None:
        """Count a notification as active in its phase."""
        self._leave_phase(uid)
        self._phases[uid] = phase
        self._active.labels(phase=phase.value).inc()

    def leave(self, uid: str) -> None:
        """Stop counting a notification that is final or deleted."""
        self.waiting.forget(uid)
        self._leave_phase(uid)

    def _leave_phase(self, uid: str) -> None:
        phase = self._phases.pop(uid, None)
        if phase is not None:
            self._active.labels(phase=phase.value).dec()

    def redacted(self, secrets: Mapping[str, int]) -> None:
        """Count redacted secrets, by rule name."""
        for name, count in secrets.items():
            self._redactions.labels(pattern_type=name).inc(count)

    def rendering_failed(self, reason: str) -> None:
        """Count a text that the render worker did not redact or render."""
        self._rendering_failures.labels(reason=reason).inc()

    def add_channel_gauge(
        self, name: str, description: str, channels: Iterable[str], read: Callable[[str], float]
    ) -> None:
        """Publish a gauge for each channel, read at each scrape."""
        gauge = Gauge(f"{PREFIX}{name}", description, ["channel"], registry=self.registry)
        for channel in channels:
            gauge.labels(channel=channel).set_function(partial(read, channel))
            self._initialize(channel)

    def _initialize(self, channel: str) -> None:
        """Start the counters of a channel at 0: the first increase of a new series is invisible to `rate`."""
        for status in ("success", "failure"):
            self.delivery_attempts.labels(channel=channel, receiver="", status=status)
        self.attempt_seconds.labels(channel=channel)
        self.delivery_seconds.labels(channel=channel)

    def add_gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Publish a gauge, read at each scrape."""
        gauge = Gauge(f"{PREFIX}{name}", description, registry=self.registry)
        gauge.set_function(read)
