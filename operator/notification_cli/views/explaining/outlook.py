"""What the next attempt on a target meets, in the order in which the operator looks. Pure.

What only the operator's memory holds is not known here: open circuit breakers, pauses, and rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from notification_contract.kinds.channel_names import ADDRESSES, ReceiverType
from notification_contract.kinds.choices import CircuitState, ConditionStatus, OnReceiverError
from notification_domain.receivers.health import ReadyReason
from notification_domain.receivers.targets import receiver_of, recipient_of
from notification_domain.status import Reason

if TYPE_CHECKING:
    from notification_cli.views.explaining.known import Known
    from notification_cli.views.receivers import ReceiverView
    from notification_domain.model import Notification
    from notification_domain.receivers.catalog import Receiver

GONE = "Gone"


UNUSED = frozenset({ReadyReason.NOT_ALLOWED, ReadyReason.TOO_MANY})
"""Reasons of the condition Ready of a receiver that the operator treats as one that does not exist, whatever its spec."""


class Meeting(StrEnum):
    """What becomes of the next attempt."""

    SENT = "sent"
    HELD = "held"
    """No attempt is made and none is used up."""
    FAILS = "fails"
    """It is recorded as failed without a call; a later one may succeed."""
    REFUSED = "refused"
    """It is recorded as failed for good without a call."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What becomes of the next attempt, and why."""

    meeting: Meeting
    why: str = ""
    """The reason, as a clause that can follow `because`."""
    reason: str = ""
    """The reason that the attempt records, in one word."""


SENT = Outlook(meeting=Meeting.SENT)


def outlook(target: str, notification: Notification, known: Known) -> Outlook:
    """Return what the next attempt on a target meets."""
    key = receiver_of(target, notification.namespace)
    if key is None:
        return _channel(target, known)
    if key in known.unreadable:
        return Outlook(meeting=Meeting.UNKNOWN, why=f"receiver {key} cannot be read")
    receiver, view = known.catalog.get(key), known.views.get(key)
    if receiver is None and view is not None:
        return Outlook(
            meeting=Meeting.UNKNOWN,
            why=f"the spec of receiver {key} is refused, and the operator may know an earlier one that is valid",
        )
    if receiver is None or view is None:
        own = key.namespace == notification.namespace
        return Outlook(
            meeting=Meeting.FAILS,
            why=f"receiver {key} does not exist",
            # The operator does not tell another namespace which receivers exist.
            reason=Reason.RECEIVER_NOT_READY if own else Reason.RECEIVER_NOT_ALLOWED,
        )
    if not known.resolver.allows(notification, receiver):
        return _outsider(receiver, notification, known)
    return _allowed(target, receiver, view, notification)


def is_unavailable(target: str, notification: Notification, known: Known) -> bool:
    """Return whether the receiver of a target is suspended or not ready, or reports an open circuit breaker."""
    found = outlook(target, notification, known)
    if found.meeting is Meeting.HELD or found.reason == Reason.RECEIVER_NOT_READY:
        return True
    key = receiver_of(target, notification.namespace)
    view = known.views.get(key) if key is not None else None
    circuit = view.status.observed.circuit if view is not None else None
    return circuit is not None and circuit.state is CircuitState.OPEN


def _channel(target: str, known: Known) -> Outlook:
    if known.channels is None:
        if target in known.resolver.configured:
            return SENT
        return Outlook(
            meeting=Meeting.UNKNOWN,
            why=f"only the operator's settings say whether it has the channel {target}",
        )
    if target in known.channels:
        return SENT
    reason = Reason.NO_DEFAULT_RECEIVER if target in set(ReceiverType) else ""
    why = f"the operator has no channel {target}, and no receiver of this type is the default"
    return Outlook(meeting=Meeting.REFUSED, why=why, reason=reason)


def _outsider(receiver: Receiver, notification: Notification, known: Known) -> Outlook:
    if known.catalog.is_undecided(receiver, notification.namespace):
        why = f"the labels of namespace {notification.namespace} decide, and they cannot be read"
        return Outlook(meeting=Meeting.UNKNOWN, why=why)
    why = f"receiver {receiver.key} is not for notifications of namespace {notification.namespace}"
    return Outlook(meeting=Meeting.FAILS, why=why, reason=Reason.RECEIVER_NOT_ALLOWED)


def _allowed(target: str, receiver: Receiver, view: ReceiverView, notification: Notification) -> Outlook:
    holds = receiver.spec.on_receiver_error is OnReceiverError.HOLD
    waits = Meeting.HELD if holds else Meeting.FAILS
    if receiver.spec.suspend:
        return Outlook(meeting=Meeting.HELD, why=f"receiver {receiver.key} is suspended")
    if not view.reported:
        why = f"the operator has not reported about the present spec of receiver {receiver.key} yet"
        return Outlook(meeting=Meeting.UNKNOWN, why=why)
    problem = _problem(view)
    if problem:
        waits = Meeting.FAILS if view.ready.reason in UNUSED else waits
        return Outlook(
            meeting=waits,
            why=f"receiver {receiver.key} is not ready: {problem}",
            reason="" if waits is Meeting.HELD else Reason.RECEIVER_NOT_READY,
        )
    if view.healthy.status is ConditionStatus.FALSE and view.healthy.reason == GONE:
        why = f"the service of receiver {receiver.key} answered that it does not exist any more"
        meeting = Meeting.HELD if holds else Meeting.REFUSED
        return Outlook(meeting=meeting, why=why, reason="" if holds else Reason.RECEIVER_NOT_READY)
    return _addressed(target, receiver, notification)


def _problem(view: ReceiverView) -> str:
    """Return why the operator cannot send to a receiver, by its own conditions; empty if it can."""
    for condition in (view.resolved_refs, view.ready):
        if condition.status is ConditionStatus.FALSE and condition.reason != ReadyReason.TEMPLATE_INVALID:
            return condition.message or condition.reason
    return ""


def _addressed(target: str, receiver: Receiver, notification: Notification) -> Outlook:
    if not receiver.spec.addresses_people:
        return SENT
    if "#" not in target:
        field = ADDRESSES[receiver.spec.type]
        why = f"receiver {receiver.key} lists no recipients, and the notification has no {field}"
        return Outlook(meeting=Meeting.REFUSED, why=why)
    names = notification.status.target_names
    if recipient_of(target, receiver, notification.content, names):
        return SENT
    why = f"receiver {receiver.key} does not accept this recipient"
    return Outlook(meeting=Meeting.REFUSED, why=why, reason=Reason.RECEIVER_NOT_ALLOWED)
