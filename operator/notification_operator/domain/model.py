"""A NotificationRequest as a value, read from the object's JSON."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from notification_contract import bounds
from notification_operator.domain.size import too_large
from notification_operator.domain.status import (
    Attempt,
    AttemptStatus,
    Phase,
    Reason,
    Status,
)
from notification_operator.domain.text.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "Attempt",
    "AttemptStatus",
    "Content",
    "Notification",
    "Phase",
    "Reason",
    "RetryPolicy",
    "Status",
    "parse",
]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""An annotation that repeats the whole object; not part of the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`spec.retryPolicy`, with the contract's defaults; durations in whole seconds."""

    max_attempts: int = 5
    initial_backoff: int = 30
    multiplier: int = 2
    max_backoff: int = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of a notification, from its spec and metadata; raw, so it is redacted before it leaves."""

    type: str
    priority: str
    subject: str
    body: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    action_links: tuple[Mapping[str, str], ...] = ()
    recipients: tuple[Mapping[str, str], ...] = ()
    remediation_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One NotificationRequest as just read from the API server."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime
    content: Content
    channels: tuple[str, ...]
    """The channels that the spec names, each once, in first-seen order; empty: routing chooses."""
    retry: RetryPolicy
    status: Status
    too_large: str = ""
    """Why this notification is too large to be delivered; empty if it is not. Its content is left out then."""

    @property
    def phase(self) -> Phase:
        """The phase of the status."""
        return self.status.phase

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts of the status."""
        return self.status.attempts

    @property
    def resolved_channels(self) -> tuple[str, ...]:
        """The channels that an earlier reconciliation recorded as routing's choice."""
        return self.status.resolved_channels

    def attempt_id(self, channel: str, number: int) -> str:
        """Return the id of an attempt, stable across restarts: receivers recognize a repeat by it."""
        return f"{self.uid}:{channel}:{number}"


def parse(obj: Mapping[str, Any]) -> Notification:
    """Read an object whose spec the API server's schema admitted, and whose status anybody may have written."""
    meta, spec = obj["metadata"], obj["spec"]
    channels = tuple(dict.fromkeys(spec.get("channels") or ()))
    refusal = too_large(meta, spec)
    return Notification(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation", 1),
        created=parse_time(meta["creationTimestamp"]),
        content=_heading(spec) if refusal else _content(meta, spec),
        channels=channels,
        retry=_retry_policy(spec.get("retryPolicy") or {}),
        status=_reachable(Status.parse(obj), channels),
        too_large=refusal,
    )


def _reachable(status: Status, channels: tuple[str, ...]) -> Status:
    """Return a status from which the delivery can go on: Retrying requires a channel that has succeeded."""
    named = channels or status.resolved_channels
    if status.phase is Phase.RETRYING and not any(
        a.succeeded and a.channel in named for a in status.attempts
    ):
        return replace(status, phase=Phase.SENDING)
    return status


def _heading(spec: Mapping[str, Any]) -> Content:
    return Content(
        type=spec["type"],
        priority=spec.get("priority") or "medium",
        subject=spec["subject"][: bounds.SUBJECT],
        body="",
    )


def _content(meta: Mapping[str, Any], spec: Mapping[str, Any]) -> Content:
    return Content(
        type=spec["type"],
        priority=spec.get("priority") or "medium",
        subject=spec["subject"],
        body=spec["body"],
        metadata=spec.get("metadata") or {},
        labels=meta.get("labels") or {},
        annotations={
            key: value for key, value in (meta.get("annotations") or {}).items() if key != LAST_APPLIED
        },
        action_links=tuple(spec.get("actionLinks") or ()),
        recipients=tuple(spec.get("recipients") or ()),
        remediation_ref=_own_reference(spec.get("remediationRequestRef") or {}, meta["namespace"]),
    )


def _own_reference(ref: Mapping[str, Any], namespace: str) -> str | None:
    """Return the name in a reference, unless it names another namespace, whose objects are not the author's."""
    name: str | None = ref.get("name")
    return name if (ref.get("namespace") or namespace) == namespace else None


def _retry_policy(policy: Mapping[str, int]) -> RetryPolicy:
    default = RetryPolicy()
    return RetryPolicy(
        max_attempts=policy.get("maxAttempts", default.max_attempts),
        initial_backoff=policy.get("initialBackoffSeconds", default.initial_backoff),
        multiplier=policy.get("backoffMultiplier", default.multiplier),
        max_backoff=policy.get("maxBackoffSeconds", default.max_backoff),
    )
