"""`status` of a NotificationRequest, typed: the only module that knows its keys.

`Status.parse` and `Status.dump` are inverse. Fields and conditions of other writers survive, and a status
that nothing changed is dumped as it was read, so that it causes no write. Whatever another writer has put
into a status, it can be read: a value that makes no sense is ignored, a number out of bounds is clamped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds
from notification_operator.domain.json_values import EARLIEST, entries, integer, mapping, moment, number, text
from notification_operator.domain.text.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Phase(StrEnum):
    """`status.phase`; `phases` holds the moves between them."""

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
    TOO_LARGE = "TooLarge"
    CHANNEL_NOT_ALLOWED = "ChannelNotAllowed"
    """Of an attempt, too: the namespace may not use the channel."""


class AttemptStatus(StrEnum):
    """How one attempt on one channel ended."""

    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One completed attempt: an entry of `status.deliveryAttempts`.

    `number` counts from 1 on each channel; `timestamp` is the start, `duration` is in seconds.
    `retry_after` is the delay in seconds that a failing receiver asked for. `circuit_open` says that an
    open circuit breaker kept the attempt from the receiver: a failure that uses up a number, and none of
    the attempts that the policy allows (DD-BREAKER-001).
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
    reason: str = ""
    """Why it failed, in one word, where the operator knows that; otherwise empty."""

    @property
    def key(self) -> tuple[str, int]:
        """The identity of an attempt within its object; never its time or text."""
        return self.channel, self.number

    @property
    def succeeded(self) -> bool:
        """Whether the receiver accepted the message."""
        return self.status is AttemptStatus.SUCCESS

    @property
    def ended(self) -> datetime:
        """The time at which the attempt ended."""
        return self.timestamp + timedelta(seconds=self.duration)


class ConditionStatus(StrEnum):
    """`status` of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


DELIVERED: Final = "Delivered"
"""The condition to wait for: whether every channel was served."""
ROUTING_RESOLVED: Final = "RoutingResolved"
"""The condition that records how the channels were chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An entry of `status.conditions`; generation and time are set by `Status.with_conditions`."""

    type: str
    status: ConditionStatus
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    last_transition_time: datetime | None = None


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
    """The channels that routing chose; they hold for the life of the notification."""
    conditions: tuple[Condition, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The JSON that this status is based on, with the fields of other writers."""

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> Status:
        """Read the status of an object; never fails."""
        return _parse(mapping(obj.get("status")))

    def dump(self) -> dict[str, Any]:
        """Return the JSON of this status."""
        # Comparing the messages first saves parsing: a change almost always changes the message.
        if self.message == self.raw.get("message", "") and self == _parse(self.raw):
            return dict(self.raw)
        status = dict(self.raw)
        status |= {
            "phase": self.phase.value,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "deliveryAttempts": [_dump_attempt(attempt) for attempt in self.attempts],
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
                status[key] = _dump_time(time, self.raw.get(key))
        status.pop("nextAttemptAt", None)
        if self.next_attempt_at is not None:
            status["nextAttemptAt"] = format_time(self.next_attempt_at)
        if self.resolved_channels:
            status["resolvedChannels"] = list(self.resolved_channels)
        status["conditions"] = self._dump_conditions()
        return status

    def condition(self, condition_type: str) -> Condition | None:
        """Return the condition of a type, if there is one."""
        return next((each for each in self.conditions if each.type == condition_type), None)

    def with_conditions(self, updates: Iterable[Condition], *, generation: int, now: datetime) -> Status:
        """Return the status with conditions added or replaced.

        The transition time moves only when a condition's `status` changes (API conventions).
        """
        conditions = {each.type: each for each in self.conditions}
        for update in updates:
            before = conditions.get(update.type)
            since = before.last_transition_time if before and before.status == update.status else None
            conditions[update.type] = replace(
                update, observed_generation=generation, last_transition_time=since or now
            )
        return replace(self, conditions=tuple(conditions.values()))

    def _dump_conditions(self) -> list[dict[str, Any]]:
        read = {text(entry.get("type")): entry for entry in map(mapping, entries(self.raw.get("conditions")))}
        return [_dump_condition(each, read.get(each.type)) for each in self.conditions]


def phase_of(obj: Mapping[str, Any]) -> Phase | None:
    """Return the phase of an object without reading the rest of its status; None for an unknown one."""
    name = mapping(obj.get("status")).get("phase") or Phase.PENDING
    return Phase(name) if isinstance(name, str) and name in _PHASES else None


_PHASES: Final = frozenset(Phase)
_RESULTS: Final = frozenset(AttemptStatus)
_CONDITION_STATUSES: Final = frozenset(ConditionStatus)


def _parse(raw: Mapping[str, Any]) -> Status:
    conditions = {
        each.type: each for each in map(_parse_condition, entries(raw.get("conditions"))) if each.type
    }
    attempts = map(_parse_attempt, entries(raw.get("deliveryAttempts")))
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
        conditions=tuple(conditions.values()),
        raw=raw,
    )


def _parse_channels(value: object) -> tuple[str, ...]:
    names = dict.fromkeys(text(entry)[: bounds.TARGET_KEY] for entry in entries(value))
    return tuple(name for name in names if name)[: bounds.TARGETS]


def _parse_attempt(value: object) -> Attempt | None:
    """Return an attempt; None for an entry without channel, number or result. A missing time is long past."""
    entry = mapping(value)
    channel, attempt = text(entry.get("channel")), integer(entry.get("attempt")) or 0
    result = text(entry.get("status"))
    if result not in _RESULTS or not (channel and 1 <= attempt <= bounds.ATTEMPT_NUMBER):
        return None
    error = entry.get("error")
    return Attempt(
        channel=channel,
        number=attempt,
        timestamp=moment(entry.get("timestamp")) or EARLIEST,
        status=AttemptStatus(result),
        duration=number(entry.get("durationSeconds"), most=bounds.ATTEMPT_SECONDS) or 0.0,
        error=error if isinstance(error, str) else None,
        permanent=entry.get("permanent") is True,
        retry_after=number(entry.get("retryAfterSeconds"), most=bounds.RETRY_AFTER_SECONDS),
        circuit_open=entry.get("circuitOpen") is True,
        reason=text(entry.get("reason")),
    )


def _dump_attempt(attempt: Attempt) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "channel": attempt.channel,
        "attempt": attempt.number,
        "timestamp": format_time(attempt.timestamp),
        "status": attempt.status.value,
        "durationSeconds": min(round(attempt.duration, 6), bounds.ATTEMPT_SECONDS),
    }
    if attempt.error is not None:
        entry["error"] = attempt.error
    if attempt.permanent:
        entry["permanent"] = True
    if attempt.retry_after is not None:
        entry["retryAfterSeconds"] = min(attempt.retry_after, bounds.RETRY_AFTER_SECONDS)
    if attempt.circuit_open:
        entry["circuitOpen"] = True
    if attempt.reason:
        entry["reason"] = attempt.reason
    return entry


def _parse_condition(value: object) -> Condition:
    """Return a condition; its type is empty where the entry has none."""
    entry = mapping(value)
    status = text(entry.get("status"))
    return Condition(
        type=text(entry.get("type")),
        status=ConditionStatus(status) if status in _CONDITION_STATUSES else ConditionStatus.UNKNOWN,
        reason=text(entry.get("reason")),
        message=text(entry.get("message")),
        observed_generation=integer(entry.get("observedGeneration")),
        last_transition_time=moment(entry.get("lastTransitionTime")),
    )


def _dump_condition(condition: Condition, entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the JSON of a condition; one of another writer stays as it was read, with all its keys."""
    if entry is not None and _parse_condition(entry) == condition:
        return dict(entry)
    assert condition.last_transition_time is not None, "set by Status.with_conditions"
    return {
        "type": condition.type,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": condition.observed_generation,
        "lastTransitionTime": _dump_time(
            condition.last_transition_time, entry.get("lastTransitionTime") if entry else None
        ),
    }


def _dump_time(time: datetime, read: object) -> str:
    """Return the text of a time; the text that it was read from, where it has not changed."""
    return read if isinstance(read, str) and moment(read) == time else format_time(time)
