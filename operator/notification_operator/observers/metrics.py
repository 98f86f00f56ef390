"""The observer that counts reconciliations, their failures, and the attempts that they record."""

from __future__ import annotations

import contextlib
from time import perf_counter
from typing import TYPE_CHECKING

from atomic_status import ConflictExhausted, Gone
from notification_contract.kinds.target import UNKNOWN_TYPE, TargetKey
from notification_operator.domain.folding.outcome import DEAD_LETTER_PHASES
from notification_operator.domain.receivers.targets import receiver_of
from notification_operator.domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_contract.kinds.choices import Phase
    from notification_operator.domain.model import Attempt
    from notification_operator.observers.publisher import Transition
    from notification_operator.telemetry.metrics import Metrics


class MetricsObserver:
    """Updates the reconciliation and delivery metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

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
            if not attempt.circuit_open:
                self._count_attempt(attempt, after.namespace)
        if transition.phase_changed and after.phase in DEAD_LETTER_PHASES:
            self._metrics.dead_letters.labels(reason=after.status.reason).inc()
        content = after.content
        self._metrics.reconciles.labels(
            type=content.type, priority=content.priority, phase=after.phase.value
        ).inc()

    def track_phase(self, uid: str, phase: Phase) -> None:
        """Count a notification as active in its phase, until it is final."""
        if phase in FINAL:
            self._metrics.leave(uid)
        else:
            self._metrics.enter(uid, phase)

    def _count_attempt(self, attempt: Attempt, namespace: str) -> None:
        metrics = self._metrics
        target = _labels(attempt.channel, namespace)
        status = "success" if attempt.succeeded else "failure"
        metrics.delivery_attempts.labels(**target, status=status).inc()
        metrics.delivery_seconds.labels(**target).observe(attempt.duration)
        if attempt.number > 1:
            reason = "recovered" if attempt.succeeded else "failed_again"
            metrics.delivery_retries.labels(**target, reason=reason).inc()


def _labels(target: str, namespace: str) -> dict[str, str]:
    """Return the labels of a target; without a receiver that does not exist: anybody can name any number of those."""
    key, receiver = TargetKey.parse(target), receiver_of(target, namespace)
    exists = receiver is not None and key.channel != UNKNOWN_TYPE
    return {"channel": key.channel, "receiver": str(receiver) if exists else ""}
