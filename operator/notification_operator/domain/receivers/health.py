"""How a receiver does, as one replica has seen it since its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from notification_contract.kinds.choices import CircuitState


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the attempts of one replica say about a receiver."""

    last_success: datetime | None = None
    last_attempt: datetime | None = None
    last_drill: datetime | None = None
    """When the latest message of a drill was delivered."""
    last_error: str = ""
    """The redacted text of the latest failure; empty after a success."""
    consecutive_failures: int = 0
    problem: str = ""
    """Why the receiver accepts no message at all, as a reason of the condition Healthy; empty if it may accept some."""
    circuit: CircuitState | None = None
    """The state of its circuit breaker; None before the first attempt."""
    circuit_until: datetime | None = None
    """The time of the next probe."""


UNTESTED: Final = Health()
