"""`status` of a NotificationRequest, typed; with `attempt` and `conditions` the only module that knows its keys.

`Status.parse` and `Status.dump` are inverse. Fields and conditions of other writers survive, and a status
that nothing changed is dumped as it was read, so that it causes no write. Whatever another writer has put
into a status, it can be read: a value that makes no sense is ignored, a number out of bounds is clamped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_contract import bounds
from notification_contract.kinds.choices import Phase, TargetReason, TargetState
from notification_domain.attempt import Attempt, dump_attempt, parse_attempt
from notification_domain.conditions import Condition, dump_conditions, dump_time, parse_conditions
from notification_domain.json_values import entries, format_time, integer, mapping, moment, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """An entry of `status.targets`, for people. `suppressed_by` is a decision that holds; everything else follows from the attempts."""

    name: str
    """The key of the target."""
    state: TargetState
    reason: TargetReason | None = None
    """Why it is in this state; None for a target that is delivered, or whose attempt runs."""
    attempts: int = 0
    """Attempts, without those that a circuit breaker rejected, or that did not count for another reason."""
    last_error: str = ""
    delivered_at: datetime | None = None
    message_ref: str = ""
    suppressed_by: str = ""
    """The reason for which nothing is sent, such as RateLimited."""
    note: str = ""
    via: str = ""
    """`routing` where the operator's routing document leads to the receiver, whatever namespaces that allows; for readers only."""


class Reason(StrEnum):
    """`status.reason`: why the phase is what it is. Metric labels and logs use the same words."""

    INITIALIZED = "Initialized"
    PROCESSING_DELIVERIES = "ProcessingDeliveries"
    PARTIAL_FAILURE_RETRYING = "PartialFailureRetrying"
    ALL_DELIVERIES_SUCCEEDED = "AllDeliveriesSucceeded"
    DELIVERED_BY_FALLBACK = "DeliveredByFallback"
    """Also of a target: its fallback has delivered the message in its place."""
    ONLY_LOGGED = "OnlyLogged"
    """No channel, receiver or routing rule was chosen, so that only the operator's log has the message."""
    PARTIAL_DELIVERY_SUCCESS = "PartialDeliverySuccess"
    INCIDENT_OPEN = "IncidentOpen"
    """A Resolve did not reach a receiver that has, or may have, its Trigger; its fallback has both."""
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
    INCIDENT_RESOLVED = "IncidentResolved"
    """The incident was resolved before the message could be sent."""
    INCIDENT_REOPENED = "IncidentReopened"
    """The incident was reported again before the message could be sent."""
    DELETED = "Deleted"
    """The notification was deleted, and finalizers keep it."""


VIA_ROUTING: Final = "routing"
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


_STATES: Final = frozenset(TargetState)
_TARGET_REASONS: Final = frozenset(TargetReason)


def parse_targets(value: object) -> tuple[TargetStatus, ...]:
    """Return the targets of a status, each name once."""
    parsed = (_parse_target(entry) for entry in entries(value)[: bounds.TARGETS])
    return tuple({each.name: each for each in parsed if each.name}.values())


def dump_target(target: TargetStatus) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": target.name, "state": target.state.value}
    if target.reason is not None:
        entry["reason"] = target.reason.value
    entry["attempts"] = target.attempts
    if target.delivered_at is not None:
        entry["deliveredAt"] = format_time(target.delivered_at)
    for key, value in (
        ("lastError", target.last_error),
        ("messageRef", target.message_ref),
        ("suppressedBy", target.suppressed_by),
        ("note", target.note),
        ("via", target.via),
    ):
        entry |= {key: value} if value else {}
    return entry


def _parse_target(value: object) -> TargetStatus:
    """Return a target; its name is empty where the entry has none. An unknown state is Waiting, and an unknown reason none."""
    entry = mapping(value)
    state, reason = text(entry.get("state")), text(entry.get("reason"))
    return TargetStatus(
        name=text(entry.get("name"))[: bounds.TARGET_KEY],
        state=TargetState(state) if state in _STATES else TargetState.WAITING,
        reason=TargetReason(reason) if reason in _TARGET_REASONS else None,
        attempts=integer(entry.get("attempts")) or 0,
        last_error=text(entry.get("lastError")),
        delivered_at=moment(entry.get("deliveredAt")),
        message_ref=text(entry.get("messageRef"))[: bounds.MESSAGE_REF],
        suppressed_by=text(entry.get("suppressedBy")),
        note=text(entry.get("note"))[: bounds.NOTE],
        via=VIA_ROUTING if entry.get("via") == VIA_ROUTING else "",
    )


MOVES: Final[Mapping[Phase, frozenset[Phase]]] = {
    # A quick delivery is written once, from Pending straight to its result.
    Phase.PENDING: frozenset(set(Phase) - {Phase.PENDING}),
    # What waits for its rate limit is shown as Sending, and may be suppressed then.
    Phase.SENDING: frozenset(
        {Phase.RETRYING, Phase.SENT, Phase.PARTIALLY_SENT, Phase.FAILED, Phase.SUPPRESSED}
    ),
    # A target has succeeded, so Failed is out of reach.
    Phase.RETRYING: frozenset({Phase.SENT, Phase.PARTIALLY_SENT}),
    Phase.SENT: frozenset(),
    Phase.PARTIALLY_SENT: frozenset(),
    Phase.FAILED: frozenset(),
    Phase.SUPPRESSED: frozenset(),
}
"""The phase machine: the moves that a write may make. The diagram in docs/notificationrequest.md is drawn from it."""
FINAL: Final = frozenset(phase for phase, moves in MOVES.items() if not moves)


class IllegalMoveError(Exception):
    """A status would leave the table: a wrong decision, or a status of another writer."""

    def __init__(self, before: Phase, after: Phase) -> None:
        super().__init__(f"phase {before} cannot become {after}")


def check_move(before: Phase, after: Phase) -> None:
    """Check a move against the table; staying is always allowed.

    Raises:
        IllegalMoveError: the table has no such move.
    """
    if before is not after and after not in MOVES[before]:
        raise IllegalMoveError(before, after)
