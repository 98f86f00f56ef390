"""Phase, reason and message of a notification, decided from the progress of its channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_operator.domain.hold import NO_HOLDS, describe_holds
from notification_operator.domain.phases import FINAL
from notification_operator.domain.progress import Progress, State
from notification_operator.domain.status import DELIVERED, Condition, ConditionStatus, Phase, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from notification_operator.domain.hold import Hold
    from notification_operator.domain.model import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseDecision:
    """A phase, and the reason for it in a word and in a sentence."""

    phase: Phase
    reason: Reason
    message: str


def decide_phase(
    steps: Sequence[Progress],
    policy: RetryPolicy,
    *,
    present: Phase,
    in_flight: AbstractSet[str],
    holds: Mapping[str, Hold] = NO_HOLDS,
) -> PhaseDecision:
    """Return the phase; it is final as soon as no attempt is left, the latest one included.

    While no channel has succeeded and attempts remain, the phase is Sending. Retrying requires a channel
    that succeeded and another that failed and has attempts left; it is kept until the end.
    """
    succeeded = [step for step in steps if step.state is State.SUCCEEDED]
    if len(succeeded) == len(steps):
        message = f"Successfully delivered to {len(succeeded)} channel(s)"
        return PhaseDecision(phase=Phase.SENT, reason=Reason.ALL_DELIVERIES_SUCCEEDED, message=message)
    if any(step.open for step in steps):
        held = describe_holds(holds, (step.channel for step in steps if step.open))
        return _unfinished(steps, succeeded, present, in_flight, held)
    failures = _failures(steps, policy)
    if succeeded:
        return PhaseDecision(
            phase=Phase.PARTIALLY_SENT,
            reason=Reason.PARTIAL_DELIVERY_SUCCESS,
            message=f"Delivered to {len(succeeded)} of {len(steps)} channel(s); {failures}",
        )
    return PhaseDecision(
        phase=Phase.FAILED, reason=_failed_reason(steps), message=f"Not delivered; {failures}"
    )


def _failed_reason(steps: Sequence[Progress]) -> Reason:
    if all(step.reason == Reason.CHANNEL_NOT_ALLOWED for step in steps):
        return Reason.CHANNEL_NOT_ALLOWED
    refused = all(step.state is State.REFUSED for step in steps)
    return Reason.ALL_DELIVERIES_FAILED if refused else Reason.MAX_RETRIES_EXHAUSTED


def refuse(steps: Sequence[Progress], reason: str) -> PhaseDecision:
    """Return the final phase of a notification that is too large: no further attempt starts."""
    succeeded = any(step.state is State.SUCCEEDED for step in steps)
    return PhaseDecision(
        phase=Phase.PARTIALLY_SENT if succeeded else Phase.FAILED,
        reason=Reason.TOO_LARGE,
        message=f"{'Not delivered to every channel' if succeeded else 'Not delivered'}: {reason}",
    )


def delivered_condition(decision: PhaseDecision) -> Condition:
    """Return the condition Delivered: Unknown until the phase is final."""
    status = ConditionStatus.UNKNOWN
    if decision.phase in FINAL:
        status = ConditionStatus(str(decision.phase is Phase.SENT))
    return Condition(type=DELIVERED, status=status, reason=decision.reason.value, message=decision.message)


def _unfinished(
    steps: Sequence[Progress],
    succeeded: Sequence[Progress],
    present: Phase,
    in_flight: AbstractSet[str],
    held: str,
) -> PhaseDecision:
    suffix = f"; {held}" if held else ""
    remaining = ", ".join(step.channel for step in steps if step.open)
    failed_before = any(step.state is State.BACKING_OFF for step in steps)
    if succeeded and (failed_before or present is Phase.RETRYING):
        message = f"Delivered to {len(succeeded)} of {len(steps)} channel(s); retrying {remaining}{suffix}"
        return PhaseDecision(phase=Phase.RETRYING, reason=Reason.PARTIAL_FAILURE_RETRYING, message=message)
    not_attempted = all(step.state is State.NOT_ATTEMPTED for step in steps)
    if not_attempted and not in_flight and not held:
        return PhaseDecision(
            phase=Phase.PENDING, reason=Reason.INITIALIZED, message="Waiting for the first delivery attempt"
        )
    message = f"Not delivered yet; retrying {remaining}" if failed_before else f"Delivering to {remaining}"
    return PhaseDecision(
        phase=Phase.SENDING, reason=Reason.PROCESSING_DELIVERIES, message=f"{message}{suffix}"
    )


def _failures(steps: Sequence[Progress], policy: RetryPolicy) -> str:
    refused = ", ".join(step.channel for step in steps if step.state is State.REFUSED and not step.reason)
    not_allowed = ", ".join(step.channel for step in steps if step.reason == Reason.CHANNEL_NOT_ALLOWED)
    exhausted = ", ".join(step.channel for step in steps if step.state is State.EXHAUSTED)
    limit = policy.max_attempts
    parts = []
    if refused:
        parts.append(f"{refused} failed permanently")
    if not_allowed:
        parts.append(f"the namespace may not use {not_allowed}")
    if exhausted:
        parts.append(f"{exhausted} failed after {limit} of {limit} attempts")
    return "; ".join(parts)
