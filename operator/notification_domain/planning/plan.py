"""The plan of one reconciliation: the attempts to start now, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from notification_domain.decisions.waits import may_start
from notification_domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_domain.model import Notification
    from notification_domain.planning.progress import Progress
    from notification_domain.situation import Situation


class PlanReason(StrEnum):
    FINAL = "the notification is final"
    SETTLED = "every attempt is complete and only needs recording"
    DUE = "attempts are due"
    BACKOFF = "the next attempt is not due yet"
    IN_FLIGHT = "attempts are still running"
    REFUSED = "the notification is too large, or has too many targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One attempt to start now; its ids travel to the receiver, so that it can recognize a repeat."""

    channel: str
    """The key of the target."""
    number: int
    id: str
    delivery_id: str = ""
    """Identical for all attempts on the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The attempts to start now."""

    reason: PlanReason
    sends: tuple[Send, ...] = ()


def plan(situation: Situation, steps: Sequence[Progress]) -> Plan:
    """Decide from a fresh read, and the progress of its targets, which attempts to start (DD-STATUS-001).

    An attempt starts only after its backoff, or after a recovery.
    """
    notification, running = situation.notification, situation.running
    if notification.phase in FINAL:
        return Plan(reason=PlanReason.FINAL)
    if notification.too_large or situation.route.refusal:
        return Plan(reason=PlanReason.REFUSED)
    waiting = [step for step in steps if step.open]
    idle = [step for step in waiting if step.channel not in running]
    due = tuple(_send(notification, step) for step in idle if may_start(situation, step))
    if due:
        return Plan(reason=PlanReason.DUE, sends=due)
    if not waiting:
        return Plan(reason=PlanReason.SETTLED)
    return Plan(reason=PlanReason.BACKOFF if idle else PlanReason.IN_FLIGHT)


def _send(notification: Notification, step: Progress) -> Send:
    return Send(
        channel=step.channel,
        number=step.next_number,
        id=notification.attempt_id(step.channel, step.next_number),
        delivery_id=notification.delivery_id(step.channel),
    )
