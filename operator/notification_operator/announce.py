"""Tells the world about what a write changed: log and metrics; only ever after the write."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from atomic_status import Gone
from notification_operator.domain.phases import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_operator.domain.model import Attempt, Notification
    from notification_operator.metrics import Metrics

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A notification as it was read, and as the one write of the pass left it."""

    before: Notification
    after: Notification

    @property
    def new_attempts(self) -> tuple[Attempt, ...]:
        """The tries that this write recorded."""
        known = {attempt.key for attempt in self.before.attempts}
        return tuple(attempt for attempt in self.after.attempts if attempt.key not in known)


class Announcer:
    """Turns transitions into metrics and log lines."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @contextlib.contextmanager
    def measured(self, uid: str) -> Iterator[None]:
        """Measure a pass, and count it when it breaks off."""
        start = perf_counter()
        try:
            yield
        except Gone:
            self._metrics.leave(uid)
            raise
        except Exception as error:
            self._metrics.reconcile_errors.labels(error_type=type(error).__name__).inc()
            raise
        finally:
            self._metrics.reconcile_seconds.observe(perf_counter() - start)

    def tell(self, transition: Transition) -> None:
        """Announce what the write changed."""
        after = transition.after
        for attempt in transition.new_attempts:
            self._count(attempt)
        content = after.content
        self._metrics.reconciles.labels(
            type=content.type, priority=content.priority, phase=after.phase.value
        ).inc()
        if after.phase in FINAL:
            self._metrics.leave(after.uid)
        else:
            self._metrics.enter(after.uid, after.phase)
        if after.phase is not transition.before.phase:
            self._log(transition)

    def _count(self, attempt: Attempt) -> None:
        metrics = self._metrics
        status = "success" if attempt.succeeded else "failure"
        metrics.delivery_attempts.labels(channel=attempt.channel, status=status).inc()
        metrics.delivery_seconds.labels(channel=attempt.channel).observe(attempt.duration)
        if attempt.number > 1:
            reason = "recovered" if attempt.succeeded else "failed_again"
            metrics.delivery_retries.labels(channel=attempt.channel, reason=reason).inc()

    def _log(self, transition: Transition) -> None:
        after = transition.after
        level = "warning" if after.status["failedDeliveries"] else "info"
        log = getattr(logger, level)
        log(
            "phase changed",
            notification=f"{after.namespace}/{after.name}",
            before=transition.before.phase.value,
            phase=after.phase.value,
            reason=after.status["reason"],
            attempts=len(after.attempts),
        )
