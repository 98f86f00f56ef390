"""What delays a target that waits: asked when its time has come, for the present state, without a content (DD-WAIT-001)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from notification_domain.planning.hold import Hold

if TYPE_CHECKING:
    from datetime import datetime

    from notification_operator.endpoints.circuit import CircuitBreaker, Waiting
    from notification_operator.endpoints.endpoint import Endpoint
    from notification_operator.endpoints.gate import Gate
    from notification_operator.endpoints.registry import Endpoints
    from notification_runtime.delivery.channel import Message


class Delay(Protocol):
    """What delays a target."""

    def until(self) -> datetime | None:
        """Return until when its destination takes no message, by the present wall clock; None if it takes one now."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A time that nothing moves, or none."""

    time: datetime | None

    def until(self) -> datetime | None:
        return self.time


@dataclass(frozen=True, slots=True)
class Held:
    """A receiver that takes no message; it may have changed, and is looked up each time."""

    endpoints: Endpoints
    target: str
    message: Message
    """Without its content."""
    routed: bool

    def until(self) -> datetime | None:
        found = self.endpoints.find(self.target, self.message, routed=self.routed)
        return found.until if isinstance(found, Hold) else None


@dataclass(frozen=True, slots=True)
class Probed:
    """An open circuit breaker, which chooses who is its next probe."""

    gate: Gate
    waiting: Waiting

    def until(self) -> datetime | None:
        return None if self.gate.retired else self.gate.breaker.blocked_until(self.waiting)


@dataclass(frozen=True, slots=True)
class Unrecovered:
    """An open circuit breaker, whose end ends a backoff that began before."""

    breaker: CircuitBreaker
    since: datetime

    def until(self) -> datetime | None:
        return self.breaker.unrecovered_until(self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """A pause or the rate of a destination."""

    endpoint: Endpoint
    gate: Gate
    notification: str
    namespace: str
    rank: int

    def until(self) -> datetime | None:
        if self.gate.retired:
            return None
        pace = self.gate.pace
        # An open breaker rejects it when its turn comes, and not before: that costs a reconciliation.
        hold = pace.check(
            self.endpoint.limits.rate,
            notification=self.notification,
            namespace=self.namespace,
            rank=self.rank,
        )
        return None if hold is None else pace.asks_at(hold)
