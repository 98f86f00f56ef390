"""Publishes each status write to the observers, always after the write; those that count and log are here."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import structlog

from atomic_status import ConflictExhausted, Gone
from notification_contract.kinds.choices import Phase, TargetReason, TargetState
from notification_contract.kinds.target import UNKNOWN_TYPE, TargetKey
from notification_domain.folding.outcome import DEAD_LETTER_PHASES
from notification_domain.receivers.targets import receiver_of
from notification_domain.status import FINAL, Reason
from notification_runtime.telemetry.metrics import DELIVERING, MAX_NAMESPACES, MAX_RECEIVERS, OTHER, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from prometheus_client import Counter

    from atomic_status import StatusError
    from notification_domain.key import Key
    from notification_domain.model import Attempt, Notification
    from notification_domain.receivers.catalog import ReceiverKey
    from notification_domain.status import TargetStatus
    from notification_operator.endpoints.redaction import RedactedContent
    from notification_runtime.telemetry.metrics import Metrics

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A notification as it was read, and as the one write of the reconciliation stored it."""

    before: Notification
    after: Notification
    redacted: RedactedContent | None = None
    """The redacted copy of the content, if the reconciliation has made one."""

    @property
    def new_attempts(self) -> tuple[Attempt, ...]:
        """The attempts that this write recorded."""
        known = {attempt.key for attempt in self.before.attempts}
        return tuple(attempt for attempt in self.after.attempts if attempt.key not in known)

    @property
    def phase_changed(self) -> bool:
        """Whether the phase changed."""
        return self.after.phase is not self.before.phase


class Observer(Protocol):
    """A consumer of status writes: metrics, log records, Kubernetes Events, audit events."""

    def on_transition(self, transition: Transition) -> None:
        """Observe a write; called once for each, within the reconciliation, so it returns at once.

        An observer that sends something buffers it first.
        """
        ...


class Publisher:
    """Calls the observers in order; a failing observer stops neither the reconciliation nor the others."""

    def __init__(
        self, *observers: Observer, on_refusal: Callable[[Key, StatusError], None] | None = None
    ) -> None:
        self._observers = observers
        self._on_refusal = on_refusal

    def publish_refusal(self, key: Key, error: StatusError) -> None:
        """Report that the API server refuses a status for good."""
        if self._on_refusal is not None:
            self._on_refusal(key, error)

    def publish(self, transition: Transition) -> None:
        """Call every observer with a write."""
        for observer in self._observers:
            try:
                observer.on_transition(transition)
            except Exception:
                after = transition.after
                logger.exception(
                    "observer failed",
                    notification=f"{after.namespace}/{after.name}",
                    observer=type(observer).__name__,
                )


class LogObserver:
    """Logs a warning while a delivery stands failed, else an info record."""

    def on_transition(self, transition: Transition) -> None:
        """Log a change of phase."""
        if not transition.phase_changed:
            return
        after = transition.after
        log = logger.warning if after.status.failed_deliveries else logger.info
        log(
            "phase changed",
            notification=f"{after.namespace}/{after.name}",
            uid=after.uid,
            before=transition.before.phase.value,
            phase=after.phase.value,
            reason=after.status.reason,
            attempts=len(after.attempts),
        )


class MetricsObserver:
    """Updates the reconciliation and delivery metrics.

    Args:
        exists: returns whether a receiver exists now: only then it is counted by name.
    """

    def __init__(
        self, metrics: Metrics, *, exists: Callable[[ReceiverKey], bool] = lambda _receiver: True
    ) -> None:
        self._metrics = metrics
        self._exists = exists
        self._series: dict[str, set[tuple[Counter, tuple[str, ...]]]] = {}
        """The counters of each receiver that is counted by name, with the labels of their series."""
        self._namespaces: set[str] = set()
        """Those that are counted by name."""

    @contextlib.contextmanager
    def measured(self, uid: str) -> Iterator[None]:
        """Measure a reconciliation, and count its failure."""
        start = perf_counter()
        try:
            yield
        except Gone:
            self._metrics.leave(uid)
            raise
        except Exception as error:
            if isinstance(error, ConflictExhausted):
                self.count_conflicts(error.attempts)
            self._metrics.reconcile_errors.labels(error_type=type(error).__name__).inc()
            raise
        finally:
            self._metrics.reconcile_seconds.observe(perf_counter() - start)

    def count_conflicts(self, writes: int) -> None:
        """Count status writes that met a conflict."""
        self._metrics.conflicts.inc(writes)

    def on_transition(self, transition: Transition) -> None:
        """Count a write, and the attempts that it records."""
        after = transition.after
        for attempt in transition.new_attempts:
            if attempt.called:
                self._count_attempt(attempt, after.namespace)
            if attempt.succeeded:
                channel = TargetKey.parse(attempt.channel).channel
                waited = (attempt.ended - after.deliverable_from).total_seconds()
                self._metrics.delivery_seconds.labels(channel).observe(max(0.0, waited))
        if transition.phase_changed and after.phase in DEAD_LETTER_PHASES:
            self._metrics.dead_letters.labels(reason=after.status.reason).inc()
        if transition.phase_changed and after.status.reason == Reason.ONLY_LOGGED:
            self._metrics.only_logged.labels(self._namespace(after.namespace)).inc()
        if transition.phase_changed and after.phase in FINAL:
            for target in after.status.targets:
                if (counter := self._missed(target)) is not None:
                    receiver = self._label(target.name, after.namespace)
                    self._count(counter, (receiver,), receiver)
        content = after.content
        self._metrics.reconciles.labels(
            type=content.type, priority=content.priority, phase=after.phase.value
        ).inc()

    def _namespace(self, name: str) -> str:
        if name not in self._namespaces and len(self._namespaces) >= MAX_NAMESPACES:
            return OTHER
        self._namespaces.add(name)
        return name

    def _missed(self, target: TargetStatus) -> Counter | None:
        """Return what counts the messages that a target missed for its reason, if anything does."""
        if target.reason is TargetReason.DELIVERED_BY_FALLBACK:
            return self._metrics.fallback_rescues
        return self._metrics.rate_limited if target.suppressed_by == Reason.RATE_LIMITED else None

    def forget(self, receiver: ReceiverKey) -> None:
        """Remove the series of a receiver that does not exist any more."""
        for counter, labels in self._series.pop(str(receiver), ()):
            counter.remove(*labels)

    def track_phase(self, uid: str, phase: Phase) -> None:
        """Count a notification as active in its phase, until it is final."""
        if phase in FINAL:
            self._metrics.leave(uid)
        else:
            self._metrics.enter(uid, phase)

    def track_waiting(self, notification: Notification, *, queued: AbstractSet[str] = frozenset()) -> None:
        """Count what a notification that is not final waits for; the queued targets have no room, and no status yet."""
        targets = () if notification.phase is Phase.PENDING else notification.status.targets
        reasons = dict.fromkeys(sorted(queued), TargetReason.QUEUED.value)
        for target in targets:
            if target.state is TargetState.WAITING:
                reasons[target.name] = (target.reason or TargetReason.QUEUED).value
            elif target.state is TargetState.DELIVERING:
                reasons[target.name] = DELIVERING
        since = notification.deliverable_from.timestamp()
        self._metrics.waiting.put(
            notification.uid,
            [
                Wait(self._place(name, notification.namespace), reason, since)
                for name, reason in reasons.items()
            ],
        )

    def _place(self, target: str, namespace: str) -> str:
        """Return what a message waits for: a receiver, one of those that do not exist, or a channel of the settings."""
        receiver = receiver_of(target, namespace)
        if receiver is None:
            return TargetKey.parse(target).channel
        return str(receiver) if self._exists(receiver) else OTHER

    def _count_attempt(self, attempt: Attempt, namespace: str) -> None:
        metrics, channel = self._metrics, TargetKey.parse(attempt.channel).channel
        receiver = self._label(attempt.channel, namespace)
        metrics.attempt_seconds.labels(channel).observe(attempt.duration)
        for status, amount in (("success", attempt.succeeded), ("failure", not attempt.succeeded)):
            # Both from the first attempt on: the first increase of a new series is invisible to `rate`.
            self._series_of(metrics.delivery_attempts, (channel, receiver, status), receiver).inc(amount)
        if attempt.number > 1:
            reason = "recovered" if attempt.succeeded else "failed_again"
            self._count(metrics.delivery_retries, (channel, receiver, reason), receiver)

    def _label(self, target: str, namespace: str) -> str:
        """Return the label of a target's receiver; empty for a channel of the settings, and for what never was a receiver."""
        receiver = receiver_of(target, namespace)
        # Anybody can name any number of receivers that do not exist.
        if receiver is None or TargetKey.parse(target).channel == UNKNOWN_TYPE:
            return ""
        name = str(receiver)
        has_room = name in self._series or len(self._series) < MAX_RECEIVERS
        return name if has_room and self._exists(receiver) else OTHER

    def _count(self, counter: Counter, labels: tuple[str, ...], receiver: str) -> None:
        self._series_of(counter, labels, receiver).inc()

    def _series_of(self, counter: Counter, labels: tuple[str, ...], receiver: str) -> Counter:
        """Return a series, which starts at 0 and ends with its receiver."""
        if receiver not in {"", OTHER}:
            self._series.setdefault(receiver, set()).add((counter, labels))
        return counter.labels(*labels)
