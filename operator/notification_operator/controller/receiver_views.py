"""What a replica knows of a receiver, and from when on it is written: a transition soon, everything else at intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import CircuitState
from notification_domain.receivers.health import UNTESTED
from notification_domain.receivers.references import ReferenceReason

if TYPE_CHECKING:
    from notification_domain.receivers.health import Health, Readiness

INTERVAL: Final = 30.0
"""Seconds between two writes of a receiver that bring no transition; up to a fifth more, so that writes spread."""
COUNT_INTERVAL: Final = 60.0
"""The same for a write that brings nothing but another number of messages that wait."""
REFRESH: Final = 330.0
"""Seconds after which a number of messages that wait is said again, so that it outlives the other replicas' patience."""
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
    waiting: int = 0
    """Messages that are not delivered yet."""
    excess: str = ""
    """Why it is one receiver too many; empty if it is not, or where another replica owns it."""

    @property
    def transitions(self) -> tuple[object, ...]:
        """What is written at once when it differs."""
        closed = self.health.circuit in {None, CircuitState.CLOSED}
        ready = self.readiness and (
            self.readiness.generation,
            self.readiness.reason,
            self.readiness.references,
            self.readiness.secret_version,
        )
        # A drill is rare, and its time must outlive a restart right after it.
        drill = self.health.last_drill
        excess = bool(self.excess)
        return self.generation, self.owner, self.healthy, closed, self.test_requested_at, drill, ready, excess

    @property
    def details(self) -> tuple[object, ...]:
        """What is written with the next write when it differs."""
        return self.health, self.readiness, self.excess

    @property
    def has_content(self) -> bool:
        """Whether there is anything to write."""
        return self.owner or self.health != UNTESTED or self.waiting > 0

    @property
    def is_premature(self) -> bool:
        """Whether there is nothing to say before the Secrets were looked for, which takes moments."""
        ready = self.readiness
        pending = ready is not None and ready.references is ReferenceReason.PENDING
        return pending and self.health == UNTESTED


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
    count_at: float
    """The earliest time of a write whose only change is the number of messages that wait."""
    refresh_at: float = inf
    """The time at which that number is said again, or the status is looked at again."""

    @classmethod
    def now(cls, uid: str, view: View, time: float, *, spread: float) -> Written:
        """Return a write of this moment; `spread` is a random number in [0, 1)."""
        stretch = 1 + SPREAD * spread
        return cls(
            uid=uid,
            view=view,
            transition_at=time + TRANSITION_INTERVAL,
            change_at=time + INTERVAL * stretch,
            count_at=time + COUNT_INTERVAL * stretch,
            refresh_at=time + REFRESH * stretch if view.waiting else inf,
        )

    def not_before(self, time: float) -> Written:
        """Return the same for one that may write from a time on only."""
        return replace(
            self,
            transition_at=max(self.transition_at, time),
            change_at=max(self.change_at, time),
            count_at=max(self.count_at, time),
        )

    def due(self, view: View) -> float | None:
        """Return the time from which to write; None if there is nothing new."""
        if self.view is None or view.transitions != self.view.transitions:
            return self.transition_at
        if view.details != self.view.details:
            return self.change_at
        if view.waiting != self.view.waiting:
            return self.count_at
        return self.refresh_at if self.refresh_at < inf else None
