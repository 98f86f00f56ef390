"""The fold of a receiver's status: one entry per replica, their summary, and what only the owner writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from notification_contract.kinds.choices import CircuitState, ReceiverTestOutcome
from notification_domain.json_values import format_time
from notification_domain.receivers.fold import MAX_AGE, OwnerFacts, fold, is_test_due
from notification_domain.receivers.health import UNTESTED, Health, ReadyReason
from notification_domain.receivers.references import ReferenceReason
from notification_domain.receivers.status import MOST_REPLICAS, LastTest, ReceiverStatus
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.builders import (
    HOME,
    INVALID,
    READY,
    RESTRICTED,
    SLACK,
    failing_at,
    healthy_at,
    stored_receiver,
)

OWNER = OwnerFacts(home=HOME, readiness=READY)
AGE = MAX_AGE.total_seconds()


def folded(
    status: Any = None,
    health: Health = UNTESTED,
    *,
    replica: str = "a",
    owner: OwnerFacts | None = None,
    seconds: float = 100,
    **changes: Any,
) -> dict[str, Any]:
    """Return the next status."""
    obj = stored_receiver(status=status, **changes)
    return fold(obj, replica=replica, health=health, owner=owner, now=at(seconds)).dump()


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def condition(status: dict[str, Any], name: str) -> dict[str, Any]:
    (entry,) = [each for each in status["conditions"] if each["type"] == name]
    return entry


def names(status: dict[str, Any]) -> list[str]:
    return [each["name"] for each in status["replicas"]]


def test_first_write_of_the_owner_is_complete() -> None:
    assert folded(owner=OWNER) == {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Accepted",
                "message": "The spec is valid",
                "observedGeneration": 1,
                "lastTransitionTime": format_time(at(100)),
            },
            {
                "type": "ResolvedRefs",
                "status": "True",
                "reason": "SecretFound",
                "message": "Read Secret hook",
                "observedGeneration": 1,
                "lastTransitionTime": format_time(at(100)),
            },
            {
                "type": "Healthy",
                "status": "Unknown",
                "reason": "Untested",
                "message": "No replica that runs has sent a message",
                "observedGeneration": 1,
                "lastTransitionTime": format_time(at(100)),
            },
        ],
        "waiting": 0,
        "consecutiveFailures": 0,
        "secretVersion": "hook=7",
    }


def test_other_replica_writes_its_entry_and_the_summary() -> None:
    health = failing_at(
        90, error="401", failures=3, problem="Gone", circuit=CircuitState.OPEN, circuit_until=at(130)
    )
    status = folded(health=health)
    assert status["replicas"] == [
        {
            "name": "a",
            "updated": format_time(at(100)),
            "lastAttemptTime": format_time(at(90)),
            "lastError": "401",
            "waiting": 0,
            "consecutiveFailures": 3,
            "circuit": {"state": "Open", "until": format_time(at(130))},
            "problem": "Gone",
        }
    ]
    assert conditions(status) == {"Healthy": ("False", "Gone")}
    assert (status["lastError"], status["consecutiveFailures"]) == ("401", 3)
    assert status["circuit"] == {"state": "Open", "until": format_time(at(130))}
    assert "observedGeneration" not in status


def test_replica_that_has_seen_nothing_writes_nothing() -> None:
    theirs = folded(health=healthy_at(90), replica="b")
    assert folded(theirs, UNTESTED, seconds=9_999) == theirs
    assert folded() == {}


def test_fold_twice_is_fold_once() -> None:
    owner = replace(OWNER, test=LastTest(requested_at="2026", outcome=ReceiverTestOutcome.FAILED))
    once = folded(health=failing_at(90), owner=owner)
    assert folded(once, failing_at(90), owner=owner, seconds=100 + AGE) == once


def test_own_entry_that_is_old_gets_a_new_time() -> None:
    once = folded(health=healthy_at(90))
    again = folded(once, healthy_at(90), seconds=101 + AGE)
    assert again["replicas"][0]["updated"] == format_time(at(101 + AGE))


def test_entries_of_other_replicas_stay_as_they_were_read() -> None:
    theirs = {"name": "b", "updated": "2026-03-01T13:01:00+01:00", "foreign": 1, "problem": "Gone"}
    status = folded({"replicas": [theirs]}, healthy_at(90))
    assert status["replicas"][1] == theirs


def test_entries_are_sorted_by_name() -> None:
    status = folded(folded(health=healthy_at(90), replica="b"), healthy_at(80), replica="a")
    assert names(folded(status, healthy_at(70), replica="c")) == ["a", "b", "c"]


@pytest.mark.parametrize("seconds", [AGE + 101, 99 - AGE])
def test_entry_far_from_the_present_is_dropped(seconds: float) -> None:
    status = folded(health=failing_at(90, circuit=CircuitState.OPEN, failures=3), replica="b")
    later = folded(status, healthy_at(95), seconds=seconds)
    assert names(later) == ["a"]
    assert (later["consecutiveFailures"], later["circuit"]) == (0, {"state": "Closed"})


def test_entry_without_a_time_is_dropped() -> None:
    assert names(folded({"replicas": [{"name": "b"}]}, healthy_at(90))) == ["a"]


def test_number_of_entries_is_bounded_and_the_own_one_is_kept() -> None:
    others = [{"name": f"r{n:02}", "updated": format_time(at(n))} for n in range(40)]
    status = folded({"replicas": others}, healthy_at(90))
    assert names(status) == ["a", *(f"r{n:02}" for n in range(40 - MOST_REPLICAS + 1, 40))]


def test_summary_has_latest_times_worst_circuit_and_most_failures() -> None:
    status = folded(
        health=replace(failing_at(80, failures=7, circuit=CircuitState.HALF_OPEN), last_success=at(50)),
        replica="b",
    )
    opened = failing_at(70, failures=2, circuit=CircuitState.OPEN, circuit_until=at(120), error="old")
    status = folded(status, opened, replica="c")
    status = folded(status, healthy_at(60), replica="d")
    assert (status["lastSuccessTime"], status["lastAttemptTime"]) == (
        format_time(at(60)),
        format_time(at(80)),
    )
    assert (status["lastError"], status["consecutiveFailures"]) == ("503", 7)
    assert status["circuit"] == {"state": "Open", "until": format_time(at(120))}


def test_latest_of_two_open_circuits_is_shown() -> None:
    first = folded(health=failing_at(90, circuit=CircuitState.OPEN, circuit_until=at(200)), replica="b")
    both = folded(first, failing_at(90, circuit=CircuitState.OPEN, circuit_until=at(150)))
    assert both["circuit"]["until"] == format_time(at(200))


def test_error_of_the_latest_attempt_is_shown() -> None:
    failed = folded(health=failing_at(80), replica="b")
    assert "lastError" not in folded(failed, healthy_at(90))
    assert folded(failed, healthy_at(70))["lastError"] == "503"


def test_times_outlive_the_replica_that_they_come_from() -> None:
    ended = folded(health=replace(failing_at(90), last_success=at(80)), replica="b")
    later = folded(ended, health=UNTESTED, owner=OWNER, seconds=200 + AGE)
    assert "replicas" not in later
    assert (later["lastSuccessTime"], later["lastAttemptTime"]) == (
        format_time(at(80)),
        format_time(at(90)),
    )
    assert later["lastError"] == "503"
    assert conditions(later)["Healthy"] == ("True", "Delivering")


def test_time_of_the_latest_drill_outlives_its_replica_and_a_restart() -> None:
    drilled = folded(health=healthy_at(90, last_drill=at(90)), replica="b")
    restarted = folded(drilled, healthy_at(95), replica="b")
    assert restarted["replicas"][0]["lastDrillTime"] == format_time(at(90))
    ended = folded(restarted, owner=OWNER, seconds=200 + AGE)
    assert "replicas" not in ended
    assert ended["lastDrillTime"] == format_time(at(90))
    assert folded(ended, healthy_at(300, last_drill=at(300)))["lastDrillTime"] == format_time(at(300))


def test_times_of_the_future_are_not_kept() -> None:
    forged = {
        "lastSuccessTime": "2999-01-01T00:00:00Z",
        "lastAttemptTime": "2999-01-01T00:00:00Z",
        "lastDrillTime": "2999-01-01T00:00:00Z",
        "lastError": "forged",
    }
    status = folded(forged, healthy_at(90))
    assert (status["lastSuccessTime"], status["lastAttemptTime"]) == (
        format_time(at(90)),
        format_time(at(90)),
    )
    assert "lastError" not in status
    assert "lastDrillTime" not in status


def test_restarted_replica_of_the_same_name_keeps_its_times() -> None:
    first = folded(health=healthy_at(90))
    again = folded(first, failing_at(80))
    (entry,) = again["replicas"]
    assert (entry["lastSuccessTime"], entry["lastAttemptTime"]) == (format_time(at(90)), format_time(at(90)))
    assert entry["lastError"] == "503"


def test_changed_receiver_is_untested_until_the_next_attempt() -> None:
    refused = folded(health=failing_at(90, error="401", problem="AuthenticationFailed"))
    restarted = Health(last_attempt=at(90), last_error="401", circuit=CircuitState.CLOSED)
    assert conditions(folded(refused, restarted)) == {"Healthy": ("Unknown", "Untested")}


def test_suspended_spec_shows_in_healthy_and_its_end_does_too() -> None:
    spec = {**SLACK, "suspend": True}
    suspended = folded(health=healthy_at(90), spec=spec)
    assert conditions(suspended) == {"Healthy": ("False", "Suspended")}
    assert conditions(folded(suspended, healthy_at(90))) == {"Healthy": ("True", "Delivering")}


def test_transition_time_moves_with_the_status_only() -> None:
    first = folded(health=failing_at(80, problem="Gone"))
    second = folded(first, failing_at(90, problem="NotFound"), seconds=200)
    assert condition(second, "Healthy")["lastTransitionTime"] == format_time(at(100))
    third = folded(second, healthy_at(95), seconds=300)
    assert condition(third, "Healthy")["lastTransitionTime"] == format_time(at(300))


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [(INVALID, "Invalid", "slack is missing"), (RESTRICTED, "NotAllowed", "apprise: only receivers in")],
)
def test_refused_spec_is_not_ready_and_says_why(spec: dict[str, Any], reason: str, message: str) -> None:
    ready = replace(READY, generation=1)
    status = folded(owner=replace(OWNER, readiness=ready), spec=spec, generation=2)
    assert conditions(status)["Ready"] == ("False", reason)
    assert message in condition(status, "Ready")["message"]
    generations = {each["type"]: each["observedGeneration"] for each in status["conditions"]}
    assert generations == {"Ready": 2, "ResolvedRefs": 1, "Healthy": 2}
    assert status["observedGeneration"] == 2


def test_type_that_is_not_allowed_in_the_namespace_is_not_ready() -> None:
    status = folded(owner=OwnerFacts(home=HOME, types_elsewhere=("log",)))
    assert conditions(status) == {"Ready": ("False", "NotAllowed"), "Healthy": ("Unknown", "Untested")}
    message = condition(status, "Ready")["message"]
    assert "receivers.types_elsewhere (receiversTypesElsewhere of a stack)" in message


def test_refused_spec_without_an_earlier_one_is_not_ready() -> None:
    status = folded(owner=OwnerFacts(home=HOME), spec=INVALID)
    assert conditions(status) == {"Ready": ("False", "Invalid"), "Healthy": ("Unknown", "Untested")}


def test_ready_is_not_decided_for_a_spec_that_was_not_seen_yet() -> None:
    before = folded(owner=OWNER)
    after = folded(before, owner=OWNER, generation=2)
    assert condition(after, "Ready") == condition(before, "Ready")
    assert after["observedGeneration"] == 2


def test_nothing_is_said_about_secrets_that_are_being_read() -> None:
    before = folded(owner=OWNER)
    pending = replace(READY, references=ReferenceReason.PENDING, secret_version="")
    assert folded(before, owner=replace(OWNER, readiness=pending)) == before
    first = folded(owner=replace(OWNER, readiness=pending))
    assert conditions(first) == {"Healthy": ("Unknown", "Untested")}


def test_receiver_with_a_missing_secret_is_not_ready() -> None:
    missing = replace(
        READY, references=ReferenceReason.NOT_FOUND, references_message="create it", secret_version=""
    )
    status = folded(folded(owner=OWNER), owner=replace(OWNER, readiness=missing))
    assert conditions(status)["ResolvedRefs"] == ("False", "SecretNotFound")
    assert conditions(status)["Ready"] == ("False", "ReferencesNotResolved")
    assert condition(status, "ResolvedRefs")["message"] == "create it"
    assert "secretVersion" not in status


def test_receiver_that_needs_no_secret_has_its_references_resolved() -> None:
    none = replace(READY, references=ReferenceReason.NONE, secret_version="")
    assert conditions(folded(owner=replace(OWNER, readiness=none)))["ResolvedRefs"] == (
        "True",
        "NoReferences",
    )


def test_unusable_value_is_not_ready_with_its_own_reason() -> None:
    ready = replace(READY, reason=ReadyReason.TEMPLATE_INVALID, message="line 3")
    status = folded(owner=replace(OWNER, readiness=ready))
    assert conditions(status)["Ready"] == ("False", "TemplateInvalid")
    assert condition(status, "Ready")["message"] == "line 3"


def test_long_secret_version_is_replaced_by_its_hash() -> None:
    version = "x" * 600
    status = folded(owner=replace(OWNER, readiness=replace(READY, secret_version=version)))
    assert status["secretVersion"] == sha256(version.encode()).hexdigest()


def test_result_of_a_test_is_recorded_by_the_owner_alone() -> None:
    test = LastTest(requested_at="2026-03-01T12:00:00Z", outcome=ReceiverTestOutcome.SUCCEEDED, message="ok")
    status = folded(owner=replace(OWNER, test=test))
    assert status["lastTest"] == {
        "requestedAt": "2026-03-01T12:00:00Z",
        "outcome": "Succeeded",
        "message": "ok",
    }
    older = replace(test, requested_at="2026-03-01T11:00:00Z", outcome=ReceiverTestOutcome.FAILED)
    assert folded(status, owner=replace(OWNER, test=older)) == status
    assert folded(status, healthy_at(90), replica="b")["lastTest"] == status["lastTest"]


@pytest.mark.parametrize(
    ("requested", "last", "due"),
    [
        ("", None, False),
        ("2026-03-01T12:00:00Z", None, True),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", False),
        ("2026-03-01T12:00:00Z", "2026-03-01T11:59:59Z", True),
        ("2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z", False),
        ("2026-03-01T12:00:30Z", "2999-01-01T00:00:00Z", True),
        ("now", "2026-03-01T12:00:00Z", True),
        ("now", "now", False),
        ("2026-03-01T11:00:00Z", "now", True),
    ],
)
def test_request_is_due_if_it_is_newer_than_the_latest_test(
    requested: str, last: str | None, *, due: bool
) -> None:
    test = last and LastTest(requested_at=last, outcome=ReceiverTestOutcome.FAILED)
    assert is_test_due(requested, test or None, at(0) + timedelta(minutes=1)) is due


def test_long_texts_are_cut_to_what_the_schema_admits() -> None:
    ready = replace(READY, reason=ReadyReason.INVALID, message="x" * 9_999)
    status = folded(
        health=failing_at(90, error="x" * 9_999, problem="P" * 9_999),
        owner=replace(OWNER, readiness=ready),
    )
    assert len(status["lastError"]) == 512
    assert len(status["replicas"][0]["problem"]) == 1024
    assert max(len(each["message"]) for each in status["conditions"]) <= 1024


def test_fields_of_other_writers_survive() -> None:
    theirs: dict[str, Any] = {"foreign": [1], "conditions": [{"type": "Theirs", "status": "True", "x": 1}]}
    status = folded(theirs, healthy_at(90), owner=OWNER)
    assert status["foreign"] == [1]
    assert status["conditions"][0] == theirs["conditions"][0]
    assert ReceiverStatus.parse({"status": status}).dump() == status
