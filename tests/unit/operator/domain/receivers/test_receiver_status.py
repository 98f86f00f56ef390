"""The typed status of a receiver: parse and dump, and what other writers have put into it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from notification_contract.kinds.choices import CircuitState, ConditionStatus, ReceiverTestOutcome
from notification_domain.conditions import Condition
from notification_domain.json_values import format_time
from notification_domain.receivers.status import (
    CircuitStatus,
    LastTest,
    Observation,
    ReceiverStatus,
    ReplicaStatus,
)
from tests.unit.operator.domain.builders import at

ENTRY: dict[str, Any] = {
    "name": "replica-1",
    "updated": format_time(at(9)),
    "lastSuccessTime": format_time(at(1)),
    "lastAttemptTime": format_time(at(8)),
    "lastDrillTime": format_time(at(2)),
    "lastError": "401",
    "waiting": 2,
    "consecutiveFailures": 3,
    "circuit": {"state": "Open", "until": format_time(at(30))},
    "problem": "AuthenticationFailed",
}
FULL: dict[str, Any] = {
    "observedGeneration": 4,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Accepted",
            "message": "m",
            "observedGeneration": 4,
            "lastTransitionTime": format_time(at(0)),
        }
    ],
    "lastSuccessTime": format_time(at(1)),
    "lastAttemptTime": format_time(at(8)),
    "lastDrillTime": format_time(at(2)),
    "lastError": "401",
    "waiting": 2,
    "consecutiveFailures": 3,
    "circuit": {"state": "Open", "until": format_time(at(30))},
    "secretVersion": "hook=7",
    "lastTest": {"requestedAt": "2026-03-01T12:00:00Z", "outcome": "Failed", "message": "401"},
    "replicas": [ENTRY],
}
OBSERVED = Observation(
    last_success=at(1),
    last_attempt=at(8),
    last_drill=at(2),
    last_error="401",
    waiting=2,
    consecutive_failures=3,
    circuit=CircuitStatus(state=CircuitState.OPEN, until=at(30)),
)
TYPED = ReceiverStatus(
    observed_generation=4,
    conditions=(
        Condition(
            type="Ready",
            status=ConditionStatus.TRUE,
            reason="Accepted",
            message="m",
            observed_generation=4,
            last_transition_time=at(0),
        ),
    ),
    observed=OBSERVED,
    secret_version="hook=7",
    last_test=LastTest(
        requested_at="2026-03-01T12:00:00Z", outcome=ReceiverTestOutcome.FAILED, message="401"
    ),
    replicas=(
        ReplicaStatus(name="replica-1", updated=at(9), observed=OBSERVED, problem="AuthenticationFailed"),
    ),
)


def parsed(status: Any) -> ReceiverStatus:
    return ReceiverStatus.parse({"status": status})


def test_every_field_is_parsed() -> None:
    assert parsed(FULL) == TYPED


def test_every_field_is_dumped_in_the_order_of_the_contract() -> None:
    dumped = TYPED.dump()
    assert list(dumped.items()) == list(FULL.items())
    assert list(dumped["replicas"][0].items()) == list(ENTRY.items())


@pytest.mark.parametrize("kind", [ReceiverStatus, ReplicaStatus, Observation])
def test_typed_values_of_the_test_cover_every_field(kind: type) -> None:
    value = {ReceiverStatus: TYPED, ReplicaStatus: TYPED.replicas[0], Observation: OBSERVED}[kind]
    assert {each.name for each in fields(kind) if getattr(value, each.name)} == {
        each.name for each in fields(kind)
    } - {"raw"}


@pytest.mark.parametrize("obj", [{}, {"status": None}, {"status": {}}, {"status": []}])
def test_missing_status_has_defaults_and_dumps_as_empty(obj: dict[str, Any]) -> None:
    assert ReceiverStatus.parse(obj) == ReceiverStatus()
    assert ReceiverStatus.parse(obj).dump() == {}


@pytest.mark.parametrize(
    "raw",
    [
        FULL,
        {"foreign": {"a": [1]}, "lastSuccessTime": "2026-03-01T13:00:00+01:00"},
        {"replicas": [{**ENTRY, "foreign": 1}, "text", {"name": ""}]},
        {"conditions": [{"type": "Theirs", "status": "True", "anything": [1]}]},
    ],
    ids=["full", "foreign", "foreign entries", "foreign condition"],
)
def test_unchanged_status_is_dumped_as_it_was_read(raw: dict[str, Any]) -> None:
    assert list(parsed(raw).dump().items()) == list(raw.items())


def test_changed_status_keeps_foreign_fields_and_unchanged_time_texts() -> None:
    other = {**ENTRY, "name": "replica-2", "foreign": 1, "updated": "2026-03-01T13:00:00+01:00"}
    own = {**ENTRY, "foreign": 2, "lastSuccessTime": "2026-03-01T13:00:01+01:00"}
    raw = {**FULL, "foreign": 3, "lastSuccessTime": "2026-03-01T13:00:01+01:00", "replicas": [other, own]}
    status = parsed(raw)
    changed = replace(status.replicas[1], updated=at(10), problem="")
    dumped = replace(status, secret_version="hook=8", replicas=(status.replicas[0], changed)).dump()
    assert (dumped["foreign"], dumped["lastSuccessTime"]) == (3, raw["lastSuccessTime"])
    assert dumped["replicas"][0] == other
    assert dumped["replicas"][1] == {key: value for key, value in own.items() if key != "problem"} | {
        "updated": format_time(at(10))
    }
    assert raw["secretVersion"] == "hook=7"


def test_fields_that_end_are_removed() -> None:
    ended = replace(
        parsed(FULL), observed=Observation(), secret_version="", last_test=None, replicas=()
    ).dump()
    assert ended == {
        "observedGeneration": 4,
        "conditions": FULL["conditions"],
        "waiting": 0,
        "consecutiveFailures": 0,
    }


def test_empty_parts_of_a_circuit_and_of_a_test_are_left_out() -> None:
    status = ReceiverStatus(
        observed=Observation(circuit=CircuitStatus(state=CircuitState.CLOSED)),
        last_test=LastTest(requested_at="now", outcome=ReceiverTestOutcome.SUCCEEDED),
    ).dump()
    assert (status["circuit"], status["lastTest"]) == (
        {"state": "Closed"},
        {"requestedAt": "now", "outcome": "Succeeded"},
    )


def test_texts_and_numbers_out_of_bounds_are_clamped() -> None:
    forged = {
        "lastError": "x" * 9_999,
        "consecutiveFailures": 2**63,
        "secretVersion": "x" * 9_999,
        "lastTest": {"requestedAt": "x" * 99, "outcome": "Failed", "message": "x" * 9_999},
        "replicas": [{"name": "x" * 999, "problem": "x" * 9_999, "consecutiveFailures": -1}],
    }
    status = parsed(forged)
    assert len(status.observed.last_error) == len(status.secret_version) == 512
    assert status.observed.consecutive_failures == 2**31 - 1
    assert status.last_test is not None
    assert (len(status.last_test.requested_at), len(status.last_test.message)) == (64, 1024)
    (replica,) = status.replicas
    assert (len(replica.name), len(replica.problem)) == (253, 1024)
    assert replica.observed.consecutive_failures == 0


@pytest.mark.parametrize(
    "test", [{"requestedAt": "now"}, {"outcome": "Failed"}, {"requestedAt": "now", "outcome": "Odd"}, 7]
)
def test_incomplete_test_counts_as_none(test: object) -> None:
    assert parsed({"lastTest": test}).last_test is None


def test_last_entry_of_a_replica_counts() -> None:
    status = parsed({"replicas": [ENTRY, {**ENTRY, "problem": "Gone"}]})
    assert [each.problem for each in status.replicas] == ["Gone"]
    assert status.replica("replica-1") == status.replicas[0]
    assert status.replica("replica-2") is None


def test_condition_is_found_by_its_type() -> None:
    assert TYPED.condition("Ready") == TYPED.conditions[0]
    assert TYPED.condition("Healthy") is None
