"""What the channels' progress amounts to: phase, reason and message of the notification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_operator.domain.model import Phase, Reason, RetryPolicy
from notification_operator.domain.progress import Progress, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The phase, and why it is that one."""

    phase: Phase
    reason: Reason
    message: str


def judge(
    steps: Sequence[Progress], policy: RetryPolicy, *, present: Phase, in_flight: AbstractSet[str]
) -> Verdict:
    """Decide with the try just made: nothing waits once nothing is left to try.

    While nothing has succeeded and tries remain, the phase is Sending; Retrying needs a channel
    that succeeded beside one that failed and has tries left, and is not left again before the end.
    """
    done = [step for step in steps if step.state is State.SUCCEEDED]
    if len(done) == len(steps):
        message = f"Successfully delivered to {len(done)} channel(s)"
        return Verdict(phase=Phase.SENT, reason=Reason.ALL_DELIVERIES_SUCCEEDED, message=message)
    if any(step.open for step in steps):
        return _unfinished(steps, done, present, in_flight)
    if done:
        message = f"Delivered to {len(done)} of {len(steps)} channel(s); {_losses(steps, policy)}"
        return Verdict(phase=Phase.PARTIALLY_SENT, reason=Reason.PARTIAL_DELIVERY_SUCCESS, message=message)
    refused = all(step.state is State.REFUSED for step in steps)
    reason = Reason.ALL_DELIVERIES_FAILED if refused else Reason.MAX_RETRIES_EXHAUSTED
    return Verdict(phase=Phase.FAILED, reason=reason, message=f"Not delivered; {_losses(steps, policy)}")


def _unfinished(
    steps: Sequence[Progress], done: Sequence[Progress], present: Phase, in_flight: AbstractSet[str]
) -> Verdict:
    remaining = ", ".join(step.channel for step in steps if step.open)
    failed_before = any(step.state is State.WAITING for step in steps)
    if done and (failed_before or present is Phase.RETRYING):
        message = f"Delivered to {len(done)} of {len(steps)} channel(s); still trying {remaining}"
        return Verdict(phase=Phase.RETRYING, reason=Reason.PARTIAL_FAILURE_RETRYING, message=message)
    untouched = all(step.state is State.UNTRIED for step in steps)
    if untouched and not in_flight:
        return Verdict(phase=Phase.PENDING, reason=Reason.INITIALIZED, message="Waiting for its first try")
    message = (
        f"Nothing delivered yet; trying {remaining} again" if failed_before else f"Delivering to {remaining}"
    )
    return Verdict(phase=Phase.SENDING, reason=Reason.PROCESSING_DELIVERIES, message=message)


def _losses(steps: Sequence[Progress], policy: RetryPolicy) -> str:
    refused = [step.channel for step in steps if step.state is State.REFUSED]
    exhausted = [step.channel for step in steps if step.state is State.EXHAUSTED]
    parts = []
    if refused:
        parts.append(f"{', '.join(refused)} failed permanently")
    if exhausted:
        parts.append(
            f"{', '.join(exhausted)} failed {policy.max_attempts} time(s), the most its policy allows"
        )
    return "; ".join(parts)
