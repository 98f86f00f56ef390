"""The choices that fields of the API have. Pure."""

from __future__ import annotations

from enum import StrEnum


class MessageType(StrEnum):
    """The kind of message that a notification is."""

    ESCALATION = "escalation"
    SIMPLE = "simple"
    STATUS_UPDATE = "status-update"
    APPROVAL = "approval"
    MANUAL_REVIEW = "manual-review"
    COMPLETION = "completion"


class Priority(StrEnum):
    """How important a notification is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class LifecycleEvent(StrEnum):
    """The report of a notification about the incident of its `dedupKey`."""

    TRIGGER = "Trigger"
    ACKNOWLEDGE = "Acknowledge"
    RESOLVE = "Resolve"


class BodyFormat(StrEnum):
    """How a channel reads the body."""

    PLAIN = "Plain"
    MARKDOWN = "Markdown"
    NATIVE = "Native"
    """The markup of the channel itself, such as mrkdwn; the author writes for one channel."""


class NamespacesFrom(StrEnum):
    """Whose notifications may use a receiver."""

    SAME = "Same"
    ALL = "All"
    SELECTOR = "Selector"


class Overflow(StrEnum):
    """The handling of messages that exceed the rate limit."""

    DEFER = "Defer"
    SUPPRESS = "Suppress"


class OnReceiverError(StrEnum):
    """The handling of messages while the receiver accepts none."""

    FAIL = "Fail"
    HOLD = "Hold"


class OnResolve(StrEnum):
    """The effect of a Resolve on the first message of its incident in a chat."""

    UPDATE_AND_REPLY = "UpdateAndReply"
    REPLY = "Reply"
    NONE = "None"


class Phase(StrEnum):
    """The phase of a notification."""

    PENDING = "Pending"
    SENDING = "Sending"
    RETRYING = "Retrying"
    SENT = "Sent"
    PARTIALLY_SENT = "PartiallySent"
    FAILED = "Failed"
    SUPPRESSED = "Suppressed"
    """Nothing was to be sent."""


class TargetState(StrEnum):
    """How far the delivery to one target has come."""

    WAITING = "Waiting"
    """No attempt is running, and one remains."""
    DELIVERING = "Delivering"
    DELIVERED = "Delivered"
    REFUSED = "Refused"
    """Failed permanently."""
    EXHAUSTED = "Exhausted"
    """Failed as often as the policy allows."""
    SUPPRESSED = "Suppressed"
    """Nothing is sent on purpose."""
    EXPIRED = "Expired"
    """Not delivered before `spec.deliverBefore`."""


class TargetReason(StrEnum):
    """Why a target is in its state; a target that is delivered, or whose attempt runs, has none."""

    QUEUED = "Queued"
    """Its first attempt is due, and has not started: the operator has no room for the content yet."""
    BACKOFF = "Backoff"
    """Its latest attempt has failed, and the next one follows after the backoff of the retry policy."""
    CIRCUIT_OPEN = "CircuitOpen"
    """The circuit breaker of its receiver is open."""
    PAUSED = "Paused"
    """Its receiver has asked for a pause."""
    RATE_LIMITED = "RateLimited"
    """It waits for the rate limit of its receiver, or exceeds one that suppresses."""
    SUSPENDED = "Suspended"
    """Its receiver is suspended."""
    RECEIVER_NOT_READY = "ReceiverNotReady"
    """Its receiver does not exist, is not valid, lacks a Secret, or refuses all messages."""
    RECEIVER_NOT_ALLOWED = "ReceiverNotAllowed"
    CHANNEL_NOT_ALLOWED = "ChannelNotAllowed"
    NO_DEFAULT_RECEIVER = "NoDefaultReceiver"
    TOO_LARGE = "TooLarge"
    MUTED = "Muted"
    """Its receiver is not for messages of this priority."""
    WAITING_FOR_INCIDENT = "WaitingForIncident"
    """An earlier message of its incident has to come first, or cannot be found out."""
    INCIDENT_RESOLVED = "IncidentResolved"
    """The incident was resolved before the message could be sent."""
    INCIDENT_REOPENED = "IncidentReopened"
    """The incident was reported again before the message could be sent."""
    DELIVERED_BY_FALLBACK = "DeliveredByFallback"
    """Its fallback has delivered the message in its place."""
    DELETED = "Deleted"
    EXPIRED = "Expired"


class AttemptStatus(StrEnum):
    """How one attempt on one target ended."""

    SUCCESS = "success"
    FAILED = "failed"


class ConditionStatus(StrEnum):
    """The status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class CircuitState(StrEnum):
    """The state of a receiver's circuit breaker, from best to worst."""

    CLOSED = "Closed"
    HALF_OPEN = "HalfOpen"
    OPEN = "Open"


class ReceiverTestOutcome(StrEnum):
    """The result of a test message."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
