"""A NotificationRequest as the domain sees it: values, read from the object's JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from notification_operator.domain.text.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""An annotation that repeats the whole object; it says nothing of the notification."""


class Phase(StrEnum):
    """`status.phase`; the moves between them stand in `phases`."""

    PENDING = "Pending"
    SENDING = "Sending"
    RETRYING = "Retrying"
    SENT = "Sent"
    PARTIALLY_SENT = "PartiallySent"
    FAILED = "Failed"


class Reason(StrEnum):
    """`status.reason`: why the phase is what it is. Metric labels and logs use the same words."""

    INITIALIZED = "Initialized"
    PROCESSING_DELIVERIES = "ProcessingDeliveries"
    PARTIAL_FAILURE_RETRYING = "PartialFailureRetrying"
    ALL_DELIVERIES_SUCCEEDED = "AllDeliveriesSucceeded"
    PARTIAL_DELIVERY_SUCCESS = "PartialDeliverySuccess"
    ALL_DELIVERIES_FAILED = "AllDeliveriesFailed"
    MAX_RETRIES_EXHAUSTED = "MaxRetriesExhausted"


class AttemptStatus(StrEnum):
    """How one try on one channel ended."""

    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`spec.retryPolicy`, with the contract's defaults; durations in whole seconds."""

    max_attempts: int = 5
    initial_backoff: int = 30
    multiplier: int = 2
    max_backoff: int = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try that was made: an entry of `status.deliveryAttempts`.

    `number` counts from 1 on each channel; `timestamp` is when the try began, `duration` how long
    it took in seconds. `retry_after` is the pause in seconds that a failing receiver asked for.
    `circuit_open` says that the receiver was never asked, since its circuit breaker was open: a
    failure that uses up a number and none of the tries that the policy allows (DD-BREAKER-001).
    """

    channel: str
    number: int
    timestamp: datetime
    status: AttemptStatus
    duration: float = 0.0
    error: str | None = None
    permanent: bool = False
    retry_after: float | None = None
    circuit_open: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """What tells one try of an object from another: never its time or text."""
        return self.channel, self.number

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took the message."""
        return self.status is AttemptStatus.SUCCESS

    @property
    def ended(self) -> datetime:
        """When the try was over."""
        return self.timestamp + timedelta(seconds=self.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a notification says, from its spec and metadata; raw, so never for an outside ear."""

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
    """The channels that the spec asks for, each once, in first-seen order; empty: to be routed."""
    retry: RetryPolicy
    phase: Phase
    attempts: tuple[Attempt, ...]
    resolved_channels: tuple[str, ...]
    """What routing chose in an earlier pass; it holds for the life of the notification."""
    status: Mapping[str, Any]
    """The raw status, with the fields of other writers; the next one is made from it."""

    def attempt_id(self, channel: str, number: int) -> str:
        """Return the id of a try, the same after a restart: receivers tell repeats by it."""
        return f"{self.uid}:{channel}:{number}"


def parse(obj: Mapping[str, Any]) -> Notification:
    """Read an object that the API server's schema admitted."""
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    return Notification(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation", 1),
        created=parse_time(meta["creationTimestamp"]),
        content=_content(meta, spec),
        channels=tuple(dict.fromkeys(spec.get("channels") or ())),
        retry=_retry_policy(spec.get("retryPolicy") or {}),
        phase=Phase(status.get("phase") or Phase.PENDING),
        attempts=tuple(_attempt(entry) for entry in status.get("deliveryAttempts") or ()),
        resolved_channels=tuple(status.get("resolvedChannels") or ()),
        status=status,
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
        remediation_ref=(spec.get("remediationRequestRef") or {}).get("name"),
    )


def _retry_policy(policy: Mapping[str, int]) -> RetryPolicy:
    default = RetryPolicy()
    return RetryPolicy(
        max_attempts=policy.get("maxAttempts", default.max_attempts),
        initial_backoff=policy.get("initialBackoffSeconds", default.initial_backoff),
        multiplier=policy.get("backoffMultiplier", default.multiplier),
        max_backoff=policy.get("maxBackoffSeconds", default.max_backoff),
    )


def _attempt(entry: Mapping[str, Any]) -> Attempt:
    return Attempt(
        channel=entry["channel"],
        number=entry["attempt"],
        timestamp=parse_time(entry["timestamp"]),
        status=AttemptStatus(entry["status"]),
        duration=entry.get("durationSeconds", 0.0),
        error=entry.get("error"),
        permanent=entry.get("permanent", False),
        retry_after=entry.get("retryAfterSeconds"),
        circuit_open=entry.get("circuitOpen", False),
    )
