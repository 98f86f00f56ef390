"""`status` of a NotificationRequest, typed; with `attempt`, `conditions` and `target_status` the only module that knows its keys.

`Status.parse` and `Status.dump` are inverse. Fields and conditions of other writers survive, and a status
that nothing changed is dumped as it was read, so that it causes no write. Whatever another writer has put
into a status, it can be read: a value that makes no sense is ignored, a number out of bounds is clamped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds
from notification_contract.kinds.choices import Phase
from notification_operator.domain.attempt import Attempt, dump_attempt, parse_attempt
from notification_operator.domain.conditions import (
    Condition,
    dump_conditions,
    dump_time,
    parse_conditions,
    updated,
)
from notification_operator.domain.folding.target_status import TargetStatus, dump_target, parse_targets
from notification_operator.domain.json_values import entries, integer, mapping, moment, text
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


class Reason(StrEnum):
    """`status.reason`: why the phase is what it is. Metric labels and logs use the same words."""

    INITIALIZED = "Initialized"
    PROCESSING_DELIVERIES = "ProcessingDeliveries"
    PARTIAL_FAILURE_RETRYING = "PartialFailureRetrying"
    ALL_DELIVERIES_SUCCEEDED = "AllDeliveriesSucceeded"
    PARTIAL_DELIVERY_SUCCESS = "PartialDeliverySuccess"
    ALL_DELIVERIES_FAILED = "AllDeliveriesFailed"
    MAX_RETRIES_EXHAUSTED = "MaxRetriesExhausted"
    TOO_LARGE = "TooLarge"
    CHANNEL_NOT_ALLOWED = "ChannelNotAllowed"
    """Also of an attempt: the namespace may not use the channel."""
    RECEIVER_NOT_ALLOWED = "ReceiverNotAllowed"
    """The namespace may not use the receiver, or the receiver does not accept the recipient."""
    RECEIVER_NOT_READY = "ReceiverNotReady"
    """The receiver does not exist, is not valid, or lacks a Secret."""
    NO_DEFAULT_RECEIVER = "NoDefaultReceiver"
    """The channel is not configured, and no receiver of its type is the default."""
    EXPIRED = "Expired"
    """`spec.deliverBefore` has passed."""
    MUTED = "Muted"
    """The receiver is not for messages of this priority."""
    RATE_LIMITED = "RateLimited"
    """The receiver suppresses what exceeds its rate limit."""
    DELETED = "Deleted"
    """The notification was deleted, and finalizers keep it."""


DELIVERED: Final = "Delivered"
"""The condition to wait for: whether every channel was served."""
ROUTING_RESOLVED: Final = "RoutingResolved"
"""The condition that records how the channels were chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A status as read, or the next one."""

    phase: Phase = Phase.PENDING
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    attempts: tuple[Attempt, ...] = ()
    total_attempts: int = 0
    successful_deliveries: int = 0
    failed_deliveries: int = 0
    queued_at: datetime | None = None
    processing_started_at: datetime | None = None
    completed_at: datetime | None = None
    next_attempt_at: datetime | None = None
    resolved_channels: tuple[str, ...] = ()
    """The targets that routing chose; they hold for the life of the notification."""
    targets: tuple[TargetStatus, ...] = ()
    conditions: tuple[Condition, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The JSON that this status is based on, with the fields of other writers."""

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> Status:
        """Read the status of an object; never fails."""
        return _parse(mapping(obj.get("status")))

    def dump(self) -> dict[str, Any]:
        # Comparing the messages first saves parsing: a change almost always changes the message.
        if self.message == self.raw.get("message", "") and self == _parse(self.raw):
            return dict(self.raw)
        status = dict(self.raw)
        status |= {
            "phase": self.phase.value,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "deliveryAttempts": [dump_attempt(attempt) for attempt in self.attempts],
            "totalAttempts": self.total_attempts,
            "successfulDeliveries": self.successful_deliveries,
            "failedDeliveries": self.failed_deliveries,
        }
        for key, time in (
            ("queuedAt", self.queued_at),
            ("processingStartedAt", self.processing_started_at),
            ("completionTime", self.completed_at),
        ):
            if time is not None:
                status[key] = dump_time(time, self.raw.get(key))
        status.pop("nextAttemptAt", None)
        if self.next_attempt_at is not None:
            status["nextAttemptAt"] = format_time(self.next_attempt_at)
        if self.resolved_channels:
            status["resolvedChannels"] = list(self.resolved_channels)
        if self.targets:
            status["targets"] = [dump_target(target) for target in self.targets]
        status["conditions"] = dump_conditions(self.conditions, self.raw.get("conditions"))
        return status

    @property
    def target_names(self) -> tuple[str, ...]:
        """The keys of the recorded targets."""
        return tuple(target.name for target in self.targets)

    def condition(self, condition_type: str) -> Condition | None:
        return next((each for each in self.conditions if each.type == condition_type), None)

    def with_conditions(self, updates: Iterable[Condition], *, generation: int, now: datetime) -> Status:
        """Return the status with conditions added or replaced.

        The transition time moves only when a condition's `status` changes (API conventions).
        """
        conditions = updated(self.conditions, updates, generation=generation, now=now)
        return replace(self, conditions=conditions)


def phase_of(obj: Mapping[str, Any]) -> Phase | None:
    """Return the phase of an object without reading the rest of its status; None for an unknown one."""
    name = mapping(obj.get("status")).get("phase") or Phase.PENDING
    return Phase(name) if isinstance(name, str) and name in _PHASES else None


_PHASES: Final = frozenset(Phase)


def _parse(raw: Mapping[str, Any]) -> Status:
    attempts = map(parse_attempt, entries(raw.get("deliveryAttempts")))
    return Status(
        phase=phase_of({"status": raw}) or Phase.PENDING,
        reason=text(raw.get("reason")),
        message=text(raw.get("message")),
        observed_generation=integer(raw.get("observedGeneration")),
        attempts=tuple(attempt for attempt in attempts if attempt is not None),
        total_attempts=integer(raw.get("totalAttempts")) or 0,
        successful_deliveries=integer(raw.get("successfulDeliveries")) or 0,
        failed_deliveries=integer(raw.get("failedDeliveries")) or 0,
        queued_at=moment(raw.get("queuedAt")),
        processing_started_at=moment(raw.get("processingStartedAt")),
        completed_at=moment(raw.get("completionTime")),
        next_attempt_at=moment(raw.get("nextAttemptAt")),
        resolved_channels=_parse_channels(raw.get("resolvedChannels")),
        targets=parse_targets(raw.get("targets")),
        conditions=parse_conditions(raw.get("conditions")),
        raw=raw,
    )


def _parse_channels(value: object) -> tuple[str, ...]:
    names = dict.fromkeys(text(entry)[: bounds.TARGET_KEY] for entry in entries(value))
    return tuple(name for name in names if name)[: bounds.TARGETS]
