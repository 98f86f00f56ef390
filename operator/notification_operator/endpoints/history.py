"""What the calls of an endpoint have shown since this process has started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from notification_operator.delivery.channel import ReceiverError
from notification_operator.domain.receivers.health import UNTESTED, Health
from notification_operator.endpoints.attempt import ReceiverChanged, first

if TYPE_CHECKING:
    from datetime import datetime

    from notification_contract.kinds.choices import CircuitState
    from notification_operator.domain.attempt import Attempt

SCORED_ATTEMPTS: Final = 20
"""Attempts that a score covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStatistics:
    """What an endpoint reports about itself, for gauges, the status of receivers, and tests."""

    health: Health
    """UNTESTED before the first call."""
    circuit: CircuitState
    """The worst state among the breakers of its destinations."""
    score: float
    """The share of the latest attempts that succeeded; 1 before the first one."""
    destinations: int
    """Destinations that are remembered."""


@dataclass(slots=True)
class History:
    """The results of calls; they outlive a change of the endpoint."""

    health: Health = UNTESTED
    """Health without the state of the breaker."""
    latest: tuple[bool, ...] = ()
    """Whether each of the latest attempts has succeeded."""

    @property
    def score(self) -> float:
        """The share of the latest attempts that succeeded; 1 before the first one."""
        return sum(self.latest) / len(self.latest) if self.latest else 1.0

    def health_with(self, circuit: CircuitState, until: datetime | None) -> Health:
        """Return the health with the state of the breaker, and the time of its next probe."""
        if self.health is UNTESTED:
            return UNTESTED
        return replace(self.health, circuit=circuit, circuit_until=until)

    def forget_failures(self) -> None:
        """Forget that the receiver accepted no message: it has changed."""
        if self.health is not UNTESTED:
            self.health = replace(self.health, problem="", consecutive_failures=0)

    def drilled(self, time: datetime) -> None:
        """Take in that a message of a drill was delivered."""
        if self.health is not UNTESTED:
            self.health = replace(self.health, last_drill=time)

    def record(self, attempt: Attempt, error: BaseException | None) -> None:
        """Take in the result of a call."""
        self.latest = (*self.latest, error is None)[-SCORED_ATTEMPTS:]
        before = self.health
        failures, problem = before.consecutive_failures, before.problem
        if error is None:
            failures, problem = 0, ""
        elif not isinstance(error, ReceiverChanged):  # The receiver as it is now has refused nothing.
            refused = first(error, ReceiverError)
            failures, problem = failures + 1, "" if refused is None else str(refused.reason)
        self.health = replace(
            before,
            last_attempt=attempt.ended,
            last_error=attempt.error or "",
            last_success=attempt.ended if error is None else before.last_success,
            consecutive_failures=failures,
            problem=problem,
        )
