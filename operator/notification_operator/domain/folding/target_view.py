"""From the progress of targets to `status.targets`."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from notification_contract.kinds.choices import TargetState
from notification_operator.domain.folding.target_status import TargetStatus
from notification_operator.domain.planning.progress import Progress, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from notification_operator.domain.attempt import Attempt
    from notification_operator.domain.model import Notification

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
    steps: Iterable[Progress], attempts: Iterable[Attempt], *, running: AbstractSet[str]
) -> tuple[TargetStatus, ...]:
    """Return the entries of targets, in the order of their progress."""
    by_target: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_target.setdefault(attempt.channel, []).append(attempt)
    return tuple(_status(step, by_target.get(step.channel, ()), running) for step in steps)


def _status(step: Progress, attempts: Sequence[Attempt], running: AbstractSet[str]) -> TargetStatus:
    delivering = step.open and step.channel in running
    success = next((attempt for attempt in attempts if attempt.succeeded), None)
    last = max(attempts, key=lambda attempt: attempt.number, default=None)
    return TargetStatus(
        name=step.channel,
        state=TargetState.DELIVERING if delivering else STATES[step.state],
        attempts=sum(not attempt.circuit_open for attempt in attempts),
        last_error=(last.error or "")[:MAX_ERROR] if last and not success else "",
        delivered_at=success.ended if success else None,
        message_ref=success.message_ref if success else "",
        suppressed_by=step.reason if step.state is State.SUPPRESSED else "",
        note=last.note if last else "",
    )
