"""Publishes each status write to the observers, always after the write; the one that logs is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomic_status import StatusError
    from notification_operator.domain.key import Key
    from notification_operator.domain.model import Attempt, Notification
    from notification_operator.endpoints.redaction import RedactedContent


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
