"""Why a target gets nothing more although attempts are left: the first ending that applies decides. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from notification_contract.kinds.choices import TargetReason
from notification_domain.status import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from notification_domain.model import Notification
    from notification_domain.planning.progress import Progress
    from notification_domain.situation import Situation
    from notification_domain.status import TargetStatus

Ending: TypeAlias = "Callable[[Situation, Progress], Reason | None]"

OUTDATED: Final = frozenset({Reason.INCIDENT_RESOLVED, Reason.INCIDENT_REOPENED})
"""Reasons for which nothing more is sent, also after failed attempts."""


def recorded_ending(target: TargetStatus) -> Reason | None:
    """Return for which reason the status records that nothing more is sent to a target, whatever has changed since."""
    if target.suppressed_by in OUTDATED:
        return Reason(target.suppressed_by)
    rescued = target.reason is TargetReason.DELIVERED_BY_FALLBACK
    return Reason.DELIVERED_BY_FALLBACK if rescued else None


def deleted(situation: Situation, _target: Progress) -> Reason | None:
    """The notification is deleted (DD-NOT-005)."""
    return Reason.DELETED if situation.notification.deleted else None


def expired(situation: Situation, _target: Progress) -> Reason | None:
    """`spec.deliverBefore` has passed."""
    return Reason.EXPIRED if is_expired(situation.notification, situation.now) else None


ENDINGS: Final[tuple[Ending, ...]] = (deleted, expired)


def ending(situation: Situation, target: Progress) -> Reason | None:
    """Return why no further attempt on a target starts that has some left; None if nothing ends it."""
    for step in ENDINGS:
        reason = step(situation, target)
        if reason is not None:
            return reason
    return None


def expires_at(notification: Notification) -> datetime | None:
    """Return when a notification expires that is not delivered by then; None if it does not."""
    return notification.deliver_before


def is_expired(notification: Notification, now: datetime) -> bool:
    """Return whether a notification has expired by a time."""
    deadline = expires_at(notification)
    return deadline is not None and deadline <= now
