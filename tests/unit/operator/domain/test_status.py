"""The typed status: parse and dump, conditions, and the fields of other writers."""

from dataclasses import fields, replace
from typing import Any

import pytest

from notification_contract.kinds.choices import ConditionStatus, Phase, TargetReason, TargetState
from notification_domain import conditions
from notification_domain.conditions import Condition
from notification_domain.folding.outcome import PhaseDecision, delivered_condition
from notification_domain.json_values import format_time
from notification_domain.model import Attempt, Reason
from notification_domain.routing import Route, RoutingReason, routing_condition
from notification_domain.status import Status, TargetStatus, phase_of
from tests.unit.operator.domain.builders import START, at, circuit_open, failure, success


def condition(status: ConditionStatus, **changes: Any) -> Condition:
    return replace(Condition(type="Delivered", status=status, reason="R", message="m"), **changes)


def entry(status: str, seconds: float = 0, **changes: Any) -> dict[str, Any]:
    plain = {
        "type": "Delivered",
        "status": status,
        "reason": "R",
        "message": "m",
        "observedGeneration": 1,
        "lastTransitionTime": format_time(at(seconds)),
    }
    return plain | changes


def updated(
    entries: list[dict[str, Any]], update: Condition, *, generation: int = 1, seconds: float = 9
) -> list[dict[str, Any]]:
    """Return the JSON of the conditions after an update."""
    status = Status.parse({"status": {"phase": "Sending", "conditions": entries}})
    merged = conditions.updated(status.conditions, [update], generation=generation, now=at(seconds))
    dumped: list[dict[str, Any]] = replace(status, conditions=merged).dump()["conditions"]
    return dumped


FULL: dict[str, Any] = {
    "phase": "PartiallySent",
    "reason": "PartialDeliverySuccess",
    "message": "Delivered to 1 of 2 channel(s)",
    "observedGeneration": 3,
    "deliveryAttempts": [
        {
            "channel": "slack",
            "attempt": 1,
            "timestamp": format_time(START),
            "status": "failed",
            "durationSeconds": 0.5,
            "error": "permanent failure: 404",
            "permanent": True,
        },
        {
            "channel": "file",
            "attempt": 1,
            "timestamp": format_time(START),
            "status": "failed",
            "durationSeconds": 0.5,
            "error": "503",
            "retryAfterSeconds": 7,
        },
        {
            "channel": "file",
            "attempt": 2,
            "timestamp": format_time(at(2)),
            "status": "failed",
            "durationSeconds": 0.0,
            "error": "circuit breaker open",
            "circuitOpen": True,
        },
        {
            "channel": "file",
            "attempt": 3,
            "timestamp": format_time(at(40)),
            "status": "success",
            "durationSeconds": 0.5,
        },
    ],
    "totalAttempts": 4,
    "successfulDeliveries": 1,
    "failedDeliveries": 1,
    "queuedAt": format_time(START),
    "processingStartedAt": format_time(at(1)),
    "completionTime": format_time(at(41)),
    "nextAttemptAt": format_time(at(50)),
    "resolvedChannels": ["slack", "file"],
    "targets": [
        {
            "name": "slack/team",
            "state": "Delivered",
            "attempts": 2,
            "deliveredAt": format_time(at(41)),
            "lastError": "e",
            "messageRef": "C1/1.2",
            "note": "n",
        },
        {
            "name": "email/team#12345678",
            "state": "Suppressed",
            "reason": "RateLimited",
            "attempts": 0,
            "suppressedBy": "RateLimited",
        },
    ],
    "conditions": [entry("False", 41, observedGeneration=3)],
}
TYPED = Status(
    phase=Phase.PARTIALLY_SENT,
    reason="PartialDeliverySuccess",
    message="Delivered to 1 of 2 channel(s)",
    observed_generation=3,
    attempts=(
        failure("slack", permanent=True),
        failure("file", retry_after=7),
        circuit_open("file", 2, seconds=2),
        success("file", 3, seconds=40),
    ),
    total_attempts=4,
    successful_deliveries=1,
    failed_deliveries=1,
    queued_at=START,
    processing_started_at=at(1),
    completed_at=at(41),
    next_attempt_at=at(50),
    resolved_channels=("slack", "file"),
    targets=(
        TargetStatus(
            name="slack/team",
            state=TargetState.DELIVERED,
            attempts=2,
            last_error="e",
            delivered_at=at(41),
            message_ref="C1/1.2",
            note="n",
        ),
        TargetStatus(
            name="email/team#12345678",
            state=TargetState.SUPPRESSED,
            reason=TargetReason.RATE_LIMITED,
            suppressed_by="RateLimited",
        ),
    ),
    conditions=(condition(ConditionStatus.FALSE, observed_generation=3, last_transition_time=at(41)),),
)


def test_every_field_is_parsed() -> None:
    assert Status.parse({"status": FULL}) == TYPED


def test_every_field_is_dumped_in_the_order_of_the_contract() -> None:
    assert list(TYPED.dump().items()) == list(FULL.items())


def test_typed_status_covers_every_field() -> None:
    changed = {
        field.name for field in fields(Status) if getattr(TYPED, field.name) != getattr(Status(), field.name)
    }
    assert changed == {field.name for field in fields(Status)} - {"raw"}


@pytest.mark.parametrize("obj", [{}, {"status": None}, {"status": {}}])
def test_missing_status_has_defaults_and_dumps_as_empty(obj: dict[str, Any]) -> None:
    status = Status.parse(obj)
    assert status == Status()
    assert status.dump() == {}


@pytest.mark.parametrize(
    "raw",
    [
        FULL,
        {"phase": "Pending", "foreign": {"a": [1]}},
        {"phase": "Sent", "completionTime": "2026-03-01T13:00:00+01:00"},
        {"conditions": [{"type": "Theirs", "status": "True", "anything": [1]}]},
    ],
    ids=["full", "foreign", "other time zone", "foreign condition"],
)
def test_unchanged_status_is_dumped_as_it_was_read(raw: dict[str, Any]) -> None:
    assert list(Status.parse({"status": raw}).dump().items()) == list(raw.items())


def test_changed_status_keeps_foreign_fields_and_unchanged_time_texts() -> None:
    raw = {
        "phase": "Sending",
        "foreign": 1,
        "queuedAt": "2026-03-01T13:00:00+01:00",
        "nextAttemptAt": "2026-03-01T12:00:09Z",
    }
    status = replace(
        Status.parse({"status": raw}), phase=Phase.SENT, completed_at=at(4), next_attempt_at=None
    )
    dumped = status.dump()
    assert (dumped["foreign"], dumped["queuedAt"]) == (1, raw["queuedAt"])
    assert (dumped["phase"], dumped["completionTime"]) == ("Sent", format_time(at(4)))
    assert "nextAttemptAt" not in dumped
    assert raw["phase"] == "Sending"


@pytest.mark.parametrize("attempt", TYPED.attempts)
def test_dumped_attempt_parses_as_the_same_attempt(attempt: Attempt) -> None:
    dumped = Status(attempts=(attempt,)).dump()
    assert Status.parse({"status": dumped}).attempts == (attempt,)


def test_durations_beyond_the_schema_are_clamped_in_both_directions() -> None:
    long = failure("slack", duration=1e9, retry_after=1e12)
    [entry] = Status(attempts=(long,)).dump()["deliveryAttempts"]
    assert (entry["durationSeconds"], entry["retryAfterSeconds"]) == (86_400, 31_536_000)
    forged = entry | {"durationSeconds": 1e300, "retryAfterSeconds": -1}
    [read] = Status.parse({"status": {"deliveryAttempts": [forged]}}).attempts
    assert (read.duration, read.retry_after) == (86_400, 0)


@pytest.mark.parametrize(
    ("obj", "phase"),
    [
        ({}, Phase.PENDING),
        ({"status": {"phase": ""}}, Phase.PENDING),
        ({"status": {"phase": "Sent"}}, Phase.SENT),
        ({"status": {"phase": "Unknown"}}, None),
    ],
)
def test_phase_is_read_without_the_rest_of_the_status(obj: dict[str, Any], phase: Phase | None) -> None:
    assert phase_of(obj) is phase


def test_condition_is_found_by_its_type() -> None:
    assert TYPED.condition("Delivered") == TYPED.conditions[0]
    assert TYPED.condition("Ready") is None


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.SENT, ConditionStatus.TRUE),
        (Phase.PARTIALLY_SENT, ConditionStatus.FALSE),
        (Phase.FAILED, ConditionStatus.FALSE),
        (Phase.PENDING, ConditionStatus.UNKNOWN),
        (Phase.SENDING, ConditionStatus.UNKNOWN),
        (Phase.RETRYING, ConditionStatus.UNKNOWN),
    ],
)
def test_delivered_is_unknown_until_the_phase_is_final(phase: Phase, status: ConditionStatus) -> None:
    reason = Reason.PROCESSING_DELIVERIES
    result = delivered_condition(PhaseDecision(phase=phase, reason=reason, message="m"))
    assert result == Condition(type="Delivered", status=status, reason=reason.value, message="m")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (RoutingReason.RULE_MATCHED, ConditionStatus.TRUE),
        (RoutingReason.FALLBACK, ConditionStatus.TRUE),
        (RoutingReason.FAILED, ConditionStatus.FALSE),
    ],
)
def test_routing_resolved_holds_the_reason_of_the_route(
    reason: RoutingReason, status: ConditionStatus
) -> None:
    [result] = routing_condition(Route(targets=("slack",), reason=reason, message="m"))
    assert result == Condition(type="RoutingResolved", status=status, reason=reason.value, message="m")


def test_named_channels_have_no_routing_condition() -> None:
    assert routing_condition(Route(targets=("slack",))) == ()


def test_new_condition_gets_generation_and_time() -> None:
    expected = [entry("True", observedGeneration=4)]
    assert updated([], condition(ConditionStatus.TRUE), generation=4, seconds=0) == expected


def test_transition_time_changes_with_the_status_only() -> None:
    same = updated([entry("True")], condition(ConditionStatus.TRUE, reason="New"), generation=2)
    assert same == [entry("True", reason="New", observedGeneration=2)]
    moved = updated([entry("True")], condition(ConditionStatus.FALSE), generation=2)
    assert moved == [entry("False", seconds=9, observedGeneration=2)]


def test_conditions_of_other_writers_keep_position_and_keys() -> None:
    theirs = {"type": "Ready", "status": "True", "anything": [1]}
    result = updated([theirs, entry("True")], condition(ConditionStatus.TRUE), generation=2)
    assert result == [theirs, entry("True", observedGeneration=2)]


def test_update_does_not_change_the_entries_that_were_read() -> None:
    entries = [entry("True")]
    updated(entries, condition(ConditionStatus.FALSE), generation=2)
    assert entries == [entry("True")]


def test_condition_without_a_transition_time_gets_one() -> None:
    [result] = updated([{"type": "Delivered", "status": "True"}], condition(ConditionStatus.TRUE))
    assert result["lastTransitionTime"] == format_time(at(9))
