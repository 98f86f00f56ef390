"""Hands each write of a pass to everybody who tells of it; only ever after the write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from notification_operator.domain.model import Attempt, Notification

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

    @property
    def phase_changed(self) -> bool:
        """Whether the phase is another one than before."""
        return self.after.phase is not self.before.phase


class Observer(Protocol):
    """One kind of announcement: metrics, log lines, Kubernetes Events, audit events."""

    def on_transition(self, transition: Transition) -> None:
        """Take note of a write; called once for each, in the pass, so it returns at once.

        What has to be sent somewhere goes through a buffer of the observer's own.
        """
        ...


class Publisher:
    """The observers, in order; one that breaks keeps neither the pass nor the others from going on."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def publish(self, transition: Transition) -> None:
        """Announce what the write changed."""
        for observer in self._observers:
            try:
                observer.on_transition(transition)
            except Exception:
                after = transition.after
                logger.exception(
                    "not announced",
                    notification=f"{after.namespace}/{after.name}",
                    observer=type(observer).__name__,
                )
