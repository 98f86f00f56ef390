"""What one replica knows of a receiver, and when that has to be written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import CircuitState
from notification_operator.domain.receivers.fold import entry_of
from notification_operator.domain.receivers.health import UNTESTED, assess
from notification_operator.domain.receivers.references import ReferenceReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_operator.domain.receivers.declared import Declared
    from notification_operator.domain.receivers.health import Health, Readiness
    from notification_operator.endpoints.registry import Endpoints

INTERVAL: Final = 30.0
"""Seconds between two writes of a receiver that bring no transition; up to a fifth more, so that writes spread."""
SPREAD: Final = 0.2
TRANSITION_INTERVAL: Final = 1.0
"""Seconds between two writes of a receiver, whatever they bring: a breaker may open and close in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What this replica knows of a receiver. It names none: most of a thousand have an equal one, which is kept once."""

    generation: int
    owner: bool
    health: Health
    healthy: str
    """The reason of the condition Healthy, which decides its status as well."""
    readiness: Readiness | None
    """None where another replica owns the receiver, and while no valid spec was seen."""
    test_requested_at: str

    @property
    def transitions(self) -> tuple[object, ...]:
        """What is written at once when it differs."""
        closed = self.health.circuit in {None, CircuitState.CLOSED}
        ready = _transitions(self.readiness)
        # A drill is rare, and its time must outlive a restart right after it.
        drill = self.health.last_drill
        return self.generation, self.owner, self.healthy, closed, self.test_requested_at, drill, *ready

    @property
    def has_content(self) -> bool:
        """Whether there is anything to write."""
        return self.owner or self.health != UNTESTED

    @property
    def is_premature(self) -> bool:
        """Whether there is nothing to say before the Secrets were looked for, which takes moments."""
        ready = self.readiness
        pending = ready is not None and ready.references is ReferenceReason.PENDING
        return pending and self.health == UNTESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    owns: Callable[[str], bool]
    """Returns whether this replica owns the object with a uid now."""
    endpoints: Endpoints
    replica: str
    """The name of this replica's entries."""
    clock: Callable[[], datetime]

    def view(self, declared: Declared) -> View:
        """Return what this replica knows of a receiver now."""
        owner = self.owns(declared.uid)
        health = self.endpoints.health(declared.key)
        return View(
            generation=declared.generation,
            owner=owner,
            health=health,
            healthy=assess(entry_of(self.replica, health, self.clock())).reason,
            readiness=self.endpoints.readiness(declared.receiver) if owner and declared.receiver else None,
            test_requested_at=declared.test_requested_at if owner else "",
        )


def _transitions(readiness: Readiness | None) -> tuple[object, ...]:
    if readiness is None:
        return ()
    return readiness.generation, readiness.reason, readiness.references, readiness.secret_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The latest write, or the latest read that found nothing to write. Times are those of the loop's clock."""

    uid: str
    """The uid of the receiver."""
    view: View | None
    """None where it is not known what the status holds: after a failure."""
    transition_at: float
    """The earliest time of a write that brings a transition."""
    change_at: float
    """The earliest time of a write with any change."""

    @classmethod
    def now(cls, uid: str, view: View, time: float, *, spread: float) -> Written:
        """Return a write of this moment; `spread` is a random number in [0, 1)."""
        change_at = time + INTERVAL * (1 + SPREAD * spread)
        return cls(uid=uid, view=view, transition_at=time + TRANSITION_INTERVAL, change_at=change_at)

    def not_before(self, time: float) -> Written:
        """Return the same for one that may write from a time on only."""
        return replace(
            self,
            transition_at=max(self.transition_at, time),
            change_at=max(self.change_at, time),
        )

    def due(self, view: View) -> float | None:
        """Return the time from which to write; None if there is nothing new."""
        if self.view is None or view.transitions != self.view.transitions:
            return self.transition_at
        if (view.health, view.readiness) != (self.view.health, self.view.readiness):
            return self.change_at
        return None
