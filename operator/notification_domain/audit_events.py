"""Audit events of one status write, in the envelope of the audit store (DD-AUDIT-001). Pure.

An event is built from the status alone: built again from the same status it is the same event, time and
id included.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_contract.kinds.choices import Phase
from notification_domain.json_values import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from notification_domain.attempt import Attempt
    from notification_domain.model import Content, Notification

ACTOR: Final = "notification-controller"
"""The actor of every event; the audit store knows this service by the same name."""
CORRELATION_KEY: Final = "remediationRequestName"
"""The entry of `spec.metadata` that names the remediation of a notification."""
_IDS: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "kubernaut.ai")


class Kind(StrEnum):
    """The kind of an event; its type is `notification.message.` and this word."""

    SENT = "sent"
    """A channel accepted the message."""
    FAILED = "failed"
    """An attempt on a channel failed; each attempt has its own event."""
    DELIVERED = "delivered"
    """Every channel, or its fallback, accepted the message."""
    PARTIAL = "partial"
    """Some channels accepted the message, and no attempt is left."""
    UNDELIVERED = "undelivered"
    """No channel accepted the message, and no attempt is left."""
    SUPPRESSED = "suppressed"
    """It was decided not to send the message."""
    ACKNOWLEDGED = "acknowledged"
    """The original type of `delivered`."""
    ESCALATED = "escalated"
    """The original type of `undelivered`."""


FINAL_KINDS: Final = {
    Phase.SENT: Kind.DELIVERED,
    Phase.PARTIALLY_SENT: Kind.PARTIAL,
    Phase.FAILED: Kind.UNDELIVERED,
    Phase.SUPPRESSED: Kind.SUPPRESSED,
}
ORIGINAL_KINDS: Final = {Phase.SENT: Kind.ACKNOWLEDGED, Phase.FAILED: Kind.ESCALATED}
"""For a store that knows the types of the original service."""
_FAILURES: Final = {Kind.FAILED, Kind.PARTIAL, Kind.UNDELIVERED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    """One occurrence; `key` distinguishes it from others of its kind and notification."""

    kind: Kind
    at: datetime
    key: str
    data: dict[str, Any]


def events(
    before: Notification,
    after: Notification,
    *,
    content: Content,
    attempts: Iterable[Attempt],
    final_kinds: Mapping[Phase, Kind] = FINAL_KINDS,
) -> Iterator[dict[str, Any]]:
    """Yield the events of one write as JSON objects, in the order of their occurrence.

    Args:
        before: the notification that the write was based on.
        after: the stored notification; the correlation id is taken from its raw content.
        content: the redacted copy of that content, which the events quote.
        attempts: the attempts that the write recorded.
        final_kinds: the kinds of the events of final phases.
    """
    for attempt in attempts:
        yield _event(after, content, _attempt_fact(attempt, content))
    if after.phase is not before.phase and (kind := final_kinds.get(after.phase)) is not None:
        yield _event(after, content, _final_fact(kind, after))


def all_events(
    notification: Notification, *, content: Content, final_kinds: Mapping[Phase, Kind] = FINAL_KINDS
) -> Iterator[dict[str, Any]]:
    """Yield every event of a notification, as its status writes published them."""
    pending = replace(notification, status=replace(notification.status, phase=Phase.PENDING, attempts=()))
    return events(
        pending, notification, content=content, attempts=notification.attempts, final_kinds=final_kinds
    )


def correlation_id(notification: Notification) -> str:
    """Return the id that the events of one remediation share; the notification's uid where it names none.

    A reference to another namespace names none: it would mix events into the trail of a foreign remediation.
    """
    content = notification.content
    return content.remediation_ref or content.metadata.get(CORRELATION_KEY) or notification.uid


def _attempt_fact(attempt: Attempt, content: Content) -> _Fact:
    key = f"{attempt.channel}:{attempt.number}"
    data: dict[str, Any] = {"channel": attempt.channel, "body": content.body}
    if attempt.succeeded:
        return _Fact(kind=Kind.SENT, at=attempt.ended, key=key, data=data | {"type": content.type})
    data["error_type"] = "permanent" if attempt.permanent else "transient"
    if attempt.error:
        data["error"] = attempt.error
    return _Fact(kind=Kind.FAILED, at=attempt.ended, key=key, data=data)


def _final_fact(kind: Kind, after: Notification) -> _Fact:
    completed = after.status.completed_at
    assert completed is not None, "a final status has a completion time"
    data: dict[str, Any] = {} if after.phase is Phase.SENT else {"reason": after.status.reason}
    if suppressed := {each.name: each.suppressed_by for each in after.status.targets if each.suppressed_by}:
        data["suppressed"] = suppressed
    return _Fact(kind=kind, at=completed, key="", data=data)


def _event(notification: Notification, content: Content, fact: _Fact) -> dict[str, Any]:
    event_type = f"notification.message.{fact.kind}"
    data = {
        "event_type": event_type,
        "notification_id": notification.uid,
        "requested_by_namespace": notification.namespace,
        "subject": content.subject,
        "priority": content.priority,
        **fact.data,
    }
    if content.metadata:
        data["metadata"] = dict(content.metadata)
    return {
        "version": "1.0",
        "event_id": str(uuid.uuid5(_IDS, f"{notification.uid}/{event_type}/{fact.key}")),
        "event_type": event_type,
        "event_timestamp": format_time(fact.at),
        "event_category": "notification",
        # A failed attempt was an attempt to send: the action names the intention, the outcome the result.
        "event_action": "sent" if fact.kind is Kind.FAILED else fact.kind.value,
        "event_outcome": "failure" if fact.kind in _FAILURES else "success",
        "actor_type": "service",
        "actor_id": ACTOR,
        "resource_type": "NotificationRequest",
        "resource_id": notification.name,
        "correlation_id": correlation_id(notification),
        "namespace": notification.namespace,
        "event_data": data,
    }
