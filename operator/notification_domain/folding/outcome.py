"""Phase, reason, message and targets of a notification, decided from the progress of its targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import ConditionStatus, Phase, TargetReason, TargetState
from notification_domain.conditions import Condition
from notification_domain.planning.hold import TARGET_REASONS, describe_holds
from notification_domain.planning.progress import Progress, State
from notification_domain.receivers.targets import NO_RULES
from notification_domain.routing import NO_TARGET_RULES
from notification_domain.situation import NO_HOLDS
from notification_domain.status import DELIVERED, FINAL, VIA_ROUTING, Reason, TargetStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from notification_domain.attempt import Attempt
    from notification_domain.model import Notification, RetryPolicy
    from notification_domain.planning.hold import Hold
    from notification_domain.receivers.targets import TargetRules


DEAD_LETTERED: Final = "DeadLettered"
"""The condition of a notification that nobody gets any more, wholly or in part, unless it is sent again."""
DEAD_LETTER_PHASES: Final = frozenset({Phase.FAILED, Phase.PARTIALLY_SENT})
DEAD_LETTER_REASONS: Final = (
    Reason.PARTIAL_DELIVERY_SUCCESS,
    Reason.INCIDENT_OPEN,
    Reason.ALL_DELIVERIES_FAILED,
    Reason.MAX_RETRIES_EXHAUSTED,
    Reason.TOO_LARGE,
    Reason.CHANNEL_NOT_ALLOWED,
    Reason.RECEIVER_NOT_ALLOWED,
    Reason.RECEIVER_NOT_READY,
    Reason.NO_DEFAULT_RECEIVER,
    Reason.EXPIRED,
)
"""The reasons of these phases."""
WAITING: Final = "Waiting for the first delivery attempt"
NO_CAPS: Final[Mapping[str, int]] = MappingProxyType({})
SUPPRESSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Reason.MUTED: "Muted: the receiver is not for this priority",
        Reason.RATE_LIMITED: "RateLimited: the receiver suppresses what exceeds its rate limit",
        Reason.INCIDENT_RESOLVED: "IncidentResolved: the incident was resolved first",
        Reason.INCIDENT_REOPENED: "IncidentReopened: the incident was reported again first",
        Reason.DELIVERED_BY_FALLBACK: "DeliveredByFallback: the fallback delivered the message",
        Reason.DELETED: "Deleted: the notification was deleted",
    }
)
EXPLANATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Reason.CHANNEL_NOT_ALLOWED: "the namespace may not use {}",
        Reason.RECEIVER_NOT_ALLOWED: "{} may not be used by this namespace or for this recipient",
        Reason.NO_DEFAULT_RECEIVER: "{} is not configured, and no receiver of this type is the default",
    }
)
"""What a refusal by the operator itself means, by its reason."""
SPEAKING: Final = frozenset({*EXPLANATIONS, Reason.RECEIVER_NOT_READY, Reason.EXPIRED})
"""Reasons of targets that are the reason of the phase if all targets have the same."""
_REASONS: Final = frozenset(Reason)
_TARGET_REASONS: Final = frozenset(TargetReason)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseDecision:
    """A phase, and the reason for it in a word and in a sentence."""

    phase: Phase
    reason: Reason
    message: str


def decide_phase(  # noqa: PLR0913 - each fact that decides
    steps: Sequence[Progress],
    policy: RetryPolicy,
    *,
    present: Phase,
    in_flight: AbstractSet[str],
    holds: Mapping[str, Hold] = NO_HOLDS,
    caps: Mapping[str, int] = NO_CAPS,
    suppresses: bool = False,
) -> PhaseDecision:
    """Return the phase; it is final as soon as no attempt is left, the latest one included.

    Without an attempt it is Pending, unless one is running or held, or a target is suppressed now: that is
    recorded. While no target has succeeded and attempts remain, the phase is Sending. Retrying requires a target
    that succeeded and another that failed and has attempts left; it is kept until the end. Targets that are
    suppressed, or whose fallback has delivered the message, count as neither.
    """
    wanted = [step for step in steps if step.state is not State.SUPPRESSED and not step.rescued]
    if not wanted:
        return _suppressed(steps)
    succeeded = [step for step in wanted if step.state is State.SUCCEEDED]
    rescues = "; ".join(_rescues(steps))
    if len(succeeded) == len(wanted):
        return _sent(len(succeeded), rescues)
    if any(step.open for step in wanted):
        held = describe_holds(holds, (step.channel for step in wanted if step.open))
        return _unfinished(wanted, succeeded, present, held, begins=bool(in_flight or held or suppresses))
    still_open = _still_open(wanted)
    failures = "; ".join(filter(None, (_failures(wanted, policy, caps), still_open, rescues)))
    if succeeded:
        return PhaseDecision(
            phase=Phase.PARTIALLY_SENT,
            reason=Reason.INCIDENT_OPEN if still_open else Reason.PARTIAL_DELIVERY_SUCCESS,
            message=f"Delivered to {len(succeeded)} of {len(wanted)} channel(s); {failures}",
        )
    return PhaseDecision(
        phase=Phase.FAILED, reason=_failed_reason(wanted), message=f"Not delivered; {failures}"
    )


def _sent(channels: int, rescues: str) -> PhaseDecision:
    if rescues:
        message, reason = f"Delivered to {channels} channel(s); {rescues}", Reason.DELIVERED_BY_FALLBACK
    else:
        message, reason = f"Successfully delivered to {channels} channel(s)", Reason.ALL_DELIVERIES_SUCCEEDED
    return PhaseDecision(phase=Phase.SENT, reason=reason, message=message)


def only_logged(decision: PhaseDecision) -> PhaseDecision:
    """Return a decision that says of a delivery that it has reached only the operator's log."""
    if decision.phase is not Phase.SENT:
        return decision
    message = (
        "Only the operator's log has this message: no channel, receiver or routing rule was chosen; "
        "set spec.receiverRefs, or add a routing rule"
    )
    return PhaseDecision(phase=Phase.SENT, reason=Reason.ONLY_LOGGED, message=message)


def _rescues(steps: Iterable[Progress]) -> Iterator[str]:
    """Yield which fallbacks have delivered the message, each with the targets that it stands for."""
    rescued: dict[tuple[str, ...], list[str]] = {}
    for step in steps:
        if step.rescued:
            rescued.setdefault(step.delivered_by, []).append(step.channel)
    for fallback, channels in rescued.items():
        yield f"{', '.join(fallback) or 'a fallback'} delivered it instead of {', '.join(channels)}"


def _still_open(steps: Iterable[Progress]) -> str:
    """Return where an incident stays open although the fallback has its Trigger and its Resolve."""
    owing = ", ".join(step.channel for step in steps if step.delivered_by)
    return f"open at {owing}; the fallback has both" if owing else ""


def _suppressed(steps: Sequence[Progress]) -> PhaseDecision:
    """Return the final phase of a notification of which nothing is sent; Pending for one without targets."""
    if not steps:
        return PhaseDecision(phase=Phase.PENDING, reason=Reason.INITIALIZED, message=WAITING)
    targets = ", ".join(f"{step.channel} ({SUPPRESSIONS.get(step.reason, step.reason)})" for step in steps)
    deleted = any(step.reason == Reason.DELETED for step in steps)
    # A target may have attempts that have failed.
    nothing = "Nothing more is" if deleted or any(step.next_number > 1 for step in steps) else "Nothing was"
    return PhaseDecision(
        phase=Phase.SUPPRESSED,
        reason=Reason.DELETED if deleted else _reason(steps[0].reason, Reason.MUTED),
        message=f"{nothing} sent to {targets}",
    )


def _reason(text: str, default: Reason) -> Reason:
    return Reason(text) if text in _REASONS else default


def _failed_reason(steps: Sequence[Progress]) -> Reason:
    shared = {step.reason for step in steps}
    if len(shared) == 1 and (reason := shared.pop()) in SPEAKING:
        return Reason(reason)
    states = {step.state for step in steps}
    if states == {State.REFUSED}:
        return Reason.ALL_DELIVERIES_FAILED
    return Reason.MAX_RETRIES_EXHAUSTED if State.EXHAUSTED in states else Reason.EXPIRED


def reachable_from(phase: Phase, steps: Iterable[Progress]) -> Phase:
    """Return the phase that a status really has: Retrying requires a target that has succeeded.

    Another writer may have set it, and targets may have changed since.
    """
    retrying = phase is Phase.RETRYING
    return Phase.SENDING if retrying and all(step.state is not State.SUCCEEDED for step in steps) else phase


def refused(step: Progress) -> Progress:
    """Return the end of a target that no further attempt is made on, because of the notification itself."""
    return replace(step, state=State.REFUSED, reason=Reason.TOO_LARGE, next_at=None) if step.open else step


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


def dead_letter_condition(decision: PhaseDecision) -> tuple[Condition, ...]:
    """Return the condition DeadLettered of a final notification that was not delivered everywhere; else nothing."""
    if decision.phase not in DEAD_LETTER_PHASES:
        return ()
    return (
        Condition(
            type=DEAD_LETTERED,
            status=ConditionStatus.TRUE,
            reason=decision.reason.value,
            message=decision.message,
        ),
    )


def _unfinished(
    steps: Sequence[Progress],
    succeeded: Sequence[Progress],
    present: Phase,
    held: str,
    *,
    begins: bool,
) -> PhaseDecision:
    suffix = f"; {held}" if held else ""
    remaining = ", ".join(step.channel for step in steps if step.open)
    failed_before = any(step.state is State.BACKING_OFF for step in steps)
    if succeeded and (failed_before or present is Phase.RETRYING):
        message = f"Delivered to {len(succeeded)} of {len(steps)} channel(s); retrying {remaining}{suffix}"
        return PhaseDecision(phase=Phase.RETRYING, reason=Reason.PARTIAL_FAILURE_RETRYING, message=message)
    not_attempted = all(step.state is State.NOT_ATTEMPTED for step in steps)
    if not_attempted and not begins:
        return PhaseDecision(phase=Phase.PENDING, reason=Reason.INITIALIZED, message=WAITING)
    message = f"Not delivered yet; retrying {remaining}" if failed_before else f"Delivering to {remaining}"
    return PhaseDecision(
        phase=Phase.SENDING, reason=Reason.PROCESSING_DELIVERIES, message=f"{message}{suffix}"
    )


def _failures(steps: Sequence[Progress], policy: RetryPolicy, caps: Mapping[str, int]) -> str:
    refused = [step for step in steps if step.state is State.REFUSED]
    unexplained = ", ".join(step.channel for step in refused if step.reason not in EXPLANATIONS)
    parts = [f"{unexplained} failed permanently"] if unexplained else []
    for reason, explanation in EXPLANATIONS.items():
        named = ", ".join(step.channel for step in refused if step.reason == reason)
        if named:
            parts.append(explanation.format(named))
    exhausted: dict[int, list[str]] = {}
    for step in steps:
        if step.state is State.EXHAUSTED:
            limit = min(policy.max_attempts, caps.get(step.channel, policy.max_attempts))
            exhausted.setdefault(limit, []).append(step.channel)
    parts += [
        f"{', '.join(names)} failed after {limit} of {limit} attempts" for limit, names in exhausted.items()
    ]
    expired = ", ".join(step.channel for step in steps if step.state is State.EXPIRED)
    return "; ".join([*parts, f"{expired} expired at spec.deliverBefore"] if expired else parts)


MAX_ERROR: Final = 512
"""Characters of an error that are repeated here; the attempt holds all of it."""
STATES: Final[Mapping[State, TargetState]] = MappingProxyType(
    {
        State.NOT_ATTEMPTED: TargetState.WAITING,
        State.BACKING_OFF: TargetState.WAITING,
        State.SUCCEEDED: TargetState.DELIVERED,
        State.REFUSED: TargetState.REFUSED,
        State.EXHAUSTED: TargetState.EXHAUSTED,
        State.SUPPRESSED: TargetState.SUPPRESSED,
        State.EXPIRED: TargetState.EXPIRED,
    }
)


def with_suppressions(notification: Notification, suppressions: Mapping[str, str]) -> Notification:
    """Return the notification whose status records that nothing is sent to some targets, and the reason of each."""
    new = [
        TargetStatus(name=name, state=TargetState.SUPPRESSED, suppressed_by=reason)
        for name, reason in suppressions.items()
    ]
    if not new:
        return notification
    others = [target for target in notification.status.targets if target.name not in suppressions]
    return replace(notification, status=replace(notification.status, targets=(*others, *new)))


def target_statuses(
    steps: Iterable[Progress],
    attempts: Iterable[Attempt],
    *,
    running: AbstractSet[str],
    holds: Mapping[str, Hold] = NO_HOLDS,
    rules: Mapping[str, TargetRules] = NO_TARGET_RULES,
) -> tuple[TargetStatus, ...]:
    """Return the entries of targets, in the order of their progress."""
    by_target: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_target.setdefault(attempt.channel, []).append(attempt)
    return tuple(
        replace(
            _status(step, by_target.get(step.channel, ()), running, holds.get(step.channel)),
            via=VIA_ROUTING if rules.get(step.channel, NO_RULES).routed else "",
        )
        for step in steps
    )


def _status(
    step: Progress, attempts: Sequence[Attempt], running: AbstractSet[str], hold: Hold | None
) -> TargetStatus:
    delivering = step.open and step.channel in running
    success = next((attempt for attempt in attempts if attempt.succeeded), None)
    last = max(attempts, key=lambda attempt: attempt.number, default=None)
    return TargetStatus(
        name=step.channel,
        state=TargetState.DELIVERING if delivering else STATES[step.state],
        reason=None if delivering else _target_reason(step, hold),
        attempts=sum(not attempt.circuit_open for attempt in attempts),
        last_error=(last.error or "")[:MAX_ERROR] if last and not success else "",
        delivered_at=success.ended if success else None,
        message_ref=success.message_ref if success else "",
        suppressed_by=step.reason if step.state is State.SUPPRESSED else "",
        note=last.note if last else "",
    )


def _target_reason(step: Progress, hold: Hold | None) -> TargetReason | None:
    """Return why a target without a running attempt is in its state; attempts may record any text as their reason."""
    if step.state is State.SUCCEEDED:
        return None
    if step.open and hold is not None:
        return TARGET_REASONS[hold.reason]
    if step.reason in _TARGET_REASONS:
        return TargetReason(step.reason)
    if step.state is State.NOT_ATTEMPTED:
        return TargetReason.QUEUED
    if step.state is State.BACKING_OFF:
        return TargetReason.CIRCUIT_OPEN if step.circuit_open else TargetReason.BACKOFF
    return None
