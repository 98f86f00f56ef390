"""What the next attempt on a target meets, in the order in which the operator looks. Pure.

What only the operator's memory holds is not known here: open circuit breakers, pauses, and rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_contract.kinds.channel_names import ADDRESSES, ReceiverType
from notification_contract.kinds.choices import CircuitState, ConditionStatus
from notification_domain.receivers.health import ReadyReason
from notification_domain.receivers.standing import Meeting, Standing, reached, recipient, usable
from notification_domain.receivers.targets import receiver_of
from notification_domain.status import Reason

if TYPE_CHECKING:
    from notification_cli.views.explaining.known import Known
    from notification_cli.views.receivers import ReceiverView
    from notification_domain.model import Notification
    from notification_domain.receivers.catalog import Receiver, ReceiverKey

GONE = "Gone"


UNUSED = frozenset({ReadyReason.NOT_ALLOWED, ReadyReason.TOO_MANY})
"""Reasons of the condition Ready of a receiver that the operator treats as one that does not exist, whatever its spec."""


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
        return _unknown(f"receiver {key} cannot be read")
    return _receiver(target, key, notification, known)


def _receiver(target: str, key: ReceiverKey, notification: Notification, known: Known) -> Outlook:
    receiver, view = known.catalog.get(key), known.views.get(key)
    if receiver is None and view is not None:
        return _unknown(
            f"the spec of receiver {key} is refused, and the operator may know an earlier one that is valid"
        )
    catalog, namespace = known.catalog, notification.namespace
    unreached = reached(
        target,
        receiver,
        own=key.namespace == namespace,
        allowed=receiver is not None and known.resolver.allows(notification, receiver),
        undecided=receiver is not None and catalog.is_undecided(receiver, namespace),
    )
    if receiver is None or view is None:
        return _meets(unreached or Standing.MISSING, f"receiver {key} does not exist")
    match unreached:
        case None:
            return _reached(target, receiver, view, notification)
        case Standing.UNDECIDED:
            return _unknown(f"the labels of namespace {namespace} decide, and they cannot be read")
        case Standing.NOT_ALLOWED:
            return _meets(unreached, f"receiver {key} is not for notifications of namespace {namespace}")
        case _:
            return _meets(unreached, f"receiver {key} has the type {receiver.spec.type} now")


def _meets(standing: Standing, why: str) -> Outlook:
    return Outlook(meeting=standing.meeting, why=why, reason=standing.reason or "")


def _unknown(why: str) -> Outlook:
    return Outlook(meeting=Meeting.UNKNOWN, why=why)


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
        return _unknown(f"only the operator's settings say whether it has the channel {target}")
    if target in known.channels:
        return SENT
    reason = Reason.NO_DEFAULT_RECEIVER if target in set(ReceiverType) else ""
    why = f"the operator has no channel {target}, and no receiver of this type is the default"
    return Outlook(meeting=Meeting.REFUSED, why=why, reason=reason)


def _reached(target: str, receiver: Receiver, view: ReceiverView, notification: Notification) -> Outlook:
    problem = _problem(view)
    gone = view.healthy.status is ConditionStatus.FALSE and view.healthy.reason == GONE
    standing = usable(receiver.spec, complete=not problem, gone=gone and not problem)
    if standing is Standing.SUSPENDED:
        return _meets(standing, f"receiver {receiver.key} is suspended")
    if not view.reported:
        return _unknown(
            f"the operator has not reported about the present spec of receiver {receiver.key} yet"
        )
    if standing is not None and problem:
        standing = Standing.MISSING if view.ready.reason in UNUSED else standing
        return _meets(standing, f"receiver {receiver.key} is not ready: {problem}")
    if standing is not None:
        return _meets(
            standing, f"the service of receiver {receiver.key} answered that it does not exist any more"
        )
    return _addressed(target, receiver, notification)


def _problem(view: ReceiverView) -> str:
    """Return why the operator cannot send to a receiver, by its own conditions; empty if it can."""
    for condition in (view.resolved_refs, view.ready):
        if condition.status is ConditionStatus.FALSE and condition.reason != ReadyReason.TEMPLATE_INVALID:
            return condition.message or condition.reason
    return ""


def _addressed(target: str, receiver: Receiver, notification: Notification) -> Outlook:
    found = recipient(target, receiver, notification.content, notification.status.target_names)
    match found:
        case Standing.NO_RECIPIENT:
            field = ADDRESSES[receiver.spec.type]
            return _meets(
                found, f"receiver {receiver.key} lists no recipients, and the notification has no {field}"
            )
        case Standing.RECIPIENT_NOT_ALLOWED:
            return _meets(found, f"receiver {receiver.key} does not accept this recipient")
    return SENT
