"""Audit events: what a write recorded, in the envelope of the audit store (DD-AUDIT-001). Pure.

An event is made from what the status holds and from nothing else: made again from the same status it
is the same event, time and id included.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_operator.domain.model import Phase
from notification_operator.domain.text.timestamps import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from notification_operator.domain.model import Attempt, Content, Notification

ACTOR: Final = "notification-controller"
"""Who did it, in every event; the audit store knows this service by the same name."""
CORRELATION_KEY: Final = "remediationRequestName"
"""The entry of `spec.metadata` that names the remediation a notification belongs to."""
_IDS: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "kubernaut.ai")


class Kind(StrEnum):
    """What happened; an event's type is `notification.message.` and this word."""

    SENT = "sent"
    """A channel took the message."""
    FAILED = "failed"
    """A try on a channel failed; tries are told one by one."""
    ACKNOWLEDGED = "acknowledged"
    """Every channel took it."""
    ESCALATED = "escalated"
    """No channel took it, and none is tried again."""


_ENDS: Final = {Phase.SENT: Kind.ACKNOWLEDGED, Phase.FAILED: Kind.ESCALATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    """One thing to tell: its kind, when it was, and what tells it from others of its notification."""

    kind: Kind
    at: datetime
    key: str
    data: dict[str, Any]


def events(
    before: Notification, after: Notification, *, content: Content, attempts: Iterable[Attempt]
) -> Iterator[dict[str, Any]]:
    """Yield the events of one write as JSON objects, in the order in which things happened.

    Args:
        before: what the write was based on.
        after: what it stored; the correlation id is taken from its raw content.
        content: the sanitised copy of that content, which the events quote.
        attempts: the tries that the write recorded.
    """
    for attempt in attempts:
        yield _event(after, content, _try(attempt, content))
    if after.phase is not before.phase and (kind := _ENDS.get(after.phase)) is not None:
        yield _event(after, content, _end(kind, after))


def correlation_id(notification: Notification) -> str:
    """Return what ties the events of one remediation together; the notification's uid where it names none."""
    content = notification.content
    return content.remediation_ref or content.metadata.get(CORRELATION_KEY) or notification.uid


def _try(attempt: Attempt, content: Content) -> _Fact:
    key = f"{attempt.channel}:{attempt.number}"
    data: dict[str, Any] = {"channel": attempt.channel, "body": content.body}
    if attempt.succeeded:
        return _Fact(kind=Kind.SENT, at=attempt.ended, key=key, data=data | {"type": content.type})
    data["error_type"] = "permanent" if attempt.permanent else "transient"
    if attempt.error:
        data["error"] = attempt.error
    return _Fact(kind=Kind.FAILED, at=attempt.ended, key=key, data=data)


def _end(kind: Kind, after: Notification) -> _Fact:
    data = {"reason": after.status["reason"]} if kind is Kind.ESCALATED else {}
    return _Fact(kind=kind, at=parse_time(after.status["completionTime"]), key="", data=data)


def _event(notification: Notification, content: Content, fact: _Fact) -> dict[str, Any]:
    event_type = f"notification.message.{fact.kind}"
    data = {
        "event_type": event_type,
        "notification_id": notification.uid,
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
        # A try that failed is one to send, too: the action says what was tried, the outcome how it went.
        "event_action": "sent" if fact.kind is Kind.FAILED else fact.kind.value,
        "event_outcome": "failure" if fact.kind is Kind.FAILED else "success",
        "actor_type": "service",
        "actor_id": ACTOR,
        "resource_type": "NotificationRequest",
        "resource_id": notification.name,
        "correlation_id": correlation_id(notification),
        "namespace": notification.namespace,
        "event_data": data,
    }
