"""The conditions of a notification: Delivered, for waiting on it, and RoutingResolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_operator.domain.model import Phase
from notification_operator.domain.phases import FINAL
from notification_operator.domain.routing.route import ROUTING_RESOLVED, Route, RoutingReason
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from notification_operator.domain.outcome import Verdict

DELIVERED: Final = "Delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is to be said under one condition type; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str


def delivered(verdict: Verdict) -> Condition:
    """Say whether every channel was served: Unknown until the phase is final."""
    status = "Unknown"
    if verdict.phase in FINAL:
        status = str(verdict.phase is Phase.SENT)
    return Condition(type=DELIVERED, status=status, reason=verdict.reason.value, message=verdict.message)


def routing_resolved(route: Route) -> tuple[Condition, ...]:
    """Say how the channels were chosen; nothing where the spec names them."""
    if route.reason is None:
        return ()
    status = str(route.reason is not RoutingReason.FAILED)
    return (
        Condition(type=ROUTING_RESOLVED, status=status, reason=route.reason.value, message=route.message),
    )


def with_conditions(
    present: Iterable[Mapping[str, Any]], updates: Iterable[Condition], *, generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return the list with the updates; conditions of other writers stay as they are.

    `lastTransitionTime` moves only when a condition's status changes (API conventions).
    """
    by_type = {entry["type"]: dict(entry) for entry in present}
    for update in updates:
        before = by_type.get(update.type, {})
        stands = before.get("lastTransitionTime") if before.get("status") == update.status else None
        by_type[update.type] = {
            "type": update.type,
            "status": update.status,
            "reason": update.reason,
            "message": update.message,
            "observedGeneration": generation,
            "lastTransitionTime": stands or format_time(now),
        }
    return list(by_type.values())
