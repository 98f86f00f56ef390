"""The health of a receiver: what the attempts of one replica show, its readiness, and the condition Healthy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import CircuitState, ConditionStatus
from notification_domain.conditions import Condition
from notification_domain.json_values import EARLIEST_TIME
from notification_domain.receivers.references import ReferenceReason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from notification_domain.receivers.status import ReplicaStatus

HEALTHY: Final = "Healthy"
DELIVERING: Final = "Delivering"
CIRCUIT_OPEN: Final = "CircuitOpen"
SUSPENDED: Final = "Suspended"
NOT_TESTED: Final = "Untested"
_PASSING: Final = frozenset({"", CIRCUIT_OPEN, SUSPENDED, NOT_TESTED})
"""Reasons that end with what they rest on: the breaker of a process that has ended is not open any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the attempts of one replica have shown about a receiver since its start."""

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


class ReadyReason(StrEnum):
    ACCEPTED = "Accepted"
    INVALID = "Invalid"
    NOT_ALLOWED = "NotAllowed"
    TEMPLATE_INVALID = "TemplateInvalid"
    TOO_MANY = "TooMany"
    """The namespace, or all together, have more receivers than the operator keeps."""
    REFERENCES_NOT_RESOLVED = "ReferencesNotResolved"
    """The spec is valid, and a Secret is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The facts behind the conditions Ready and ResolvedRefs, as one replica found them; `reason` is Accepted while nothing is wrong with the spec.

    It names no receiver: most of a thousand have an equal one, which is kept once.
    """

    generation: int = 0
    """The generation of the spec that was examined."""
    references: ReferenceReason = ReferenceReason.NONE
    references_message: str = ""
    secret_version: str = ""
    """Changes with every change of a Secret."""
    reason: ReadyReason = ReadyReason.ACCEPTED
    message: str = ""
    sendable: bool = True
    """Whether messages are sent although something may be wrong."""

    @property
    def problem(self) -> str:
        """What is wrong, in a sentence; empty if nothing is."""
        return self.message if self.references.resolved else self.references_message

    @property
    def condition(self) -> tuple[ReadyReason, str]:
        """Reason and message of the condition Ready."""
        if self.reason is ReadyReason.ACCEPTED and not self.references.resolved:
            return ReadyReason.REFERENCES_NOT_RESOLVED, self.references_message
        return self.reason, self.message or "The spec is valid"


def healthy(
    replicas: Iterable[ReplicaStatus], *, suspended: bool, before: Condition | None, known: datetime | None
) -> Condition:
    """Return the condition Healthy, from the freshest evidence that any replica has.

    Args:
        replicas: the entries of the replicas that run.
        suspended: whether the spec suspends the receiver.
        before: the condition as it was read.
        known: the time of the latest attempt that it may rest on, perhaps one of a replica that has ended since.
    """
    if suspended:
        return _condition(ConditionStatus.FALSE, SUSPENDED, "spec.suspend is true: no message is sent")
    freshest = max(replicas, key=_freshness, default=None)
    if (
        freshest is not None
        and (time := _evidence_time(freshest)) is not None
        and time >= (known or EARLIEST_TIME)
    ):
        return assess(freshest)
    if before is None or before.reason in _PASSING:
        return _untested("No replica that runs has sent a message")
    return before


def assess(replica: ReplicaStatus) -> Condition:
    """Return the condition as one replica sees it."""
    observed = replica.observed
    detail = f": {observed.last_error}" if observed.last_error else ""
    if replica.problem:
        message = f"The receiver accepts no message{detail}"
        return _condition(ConditionStatus.FALSE, replica.problem, message)
    if observed.circuit is not None and not _admits(observed.circuit.state, observed.consecutive_failures):
        return _condition(ConditionStatus.FALSE, CIRCUIT_OPEN, f"The circuit breaker is open{detail}")
    if observed.last_success is None:
        return _untested(f"No attempt has succeeded yet{detail}")
    if observed.consecutive_failures:
        count = observed.consecutive_failures
        message = f"The latest attempts failed ({count} in a row), the circuit breaker is closed{detail}"
        return _condition(ConditionStatus.TRUE, DELIVERING, message)
    if observed.last_attempt is not None and observed.last_attempt > observed.last_success:
        return _untested("No message was sent since the receiver changed")
    return _condition(ConditionStatus.TRUE, DELIVERING, "The latest attempt succeeded")


def _admits(circuit: CircuitState, failures: int) -> bool:
    """Return whether messages pass: also through a half-open breaker whose first probe has succeeded."""
    return circuit is CircuitState.CLOSED or (circuit is CircuitState.HALF_OPEN and not failures)


def _freshness(replica: ReplicaStatus) -> tuple[datetime, bool, str]:
    return _evidence_time(replica) or EARLIEST_TIME, bool(replica.problem), replica.name


def _evidence_time(replica: ReplicaStatus) -> datetime | None:
    """Return the time that an entry is evidence for; None if it shows nothing.

    A problem without an attempt, such as a certificate that is none, was found when the entry was written.
    """
    return replica.observed.last_attempt or (replica.updated if replica.problem else None)


def _untested(message: str) -> Condition:
    return _condition(ConditionStatus.UNKNOWN, NOT_TESTED, message)


def _condition(status: ConditionStatus, reason: str, message: str) -> Condition:
    return Condition(type=HEALTHY, status=status, reason=reason, message=message)
