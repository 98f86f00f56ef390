"""The condition Healthy: what one replica shows, and which replica is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.choices import CircuitState, ConditionStatus
from notification_domain.conditions import Condition
from notification_domain.receivers.fold import entry_of
from notification_domain.receivers.health import UNTESTED, Health, assess, healthy
from tests.unit.operator.domain.builders import at
from tests.unit.operator.domain.receivers.builders import failing_at, healthy_at

if TYPE_CHECKING:
    from notification_domain.receivers.status import ReplicaStatus

SUCCESS_AND_FAILURE = Health(
    last_success=at(1),
    last_attempt=at(2),
    last_error="503",
    consecutive_failures=2,
    circuit=CircuitState.CLOSED,
)
CHANGED = Health(last_success=at(1), last_attempt=at(2), last_error="401", circuit=CircuitState.CLOSED)
"""The latest attempt failed, and the receiver has changed since."""


def entry(health: Health, name: str = "a", seconds: float = 100) -> ReplicaStatus:
    return entry_of(name, health, at(seconds))


def condition(status: str, reason: str, message: str = "m") -> Condition:
    return Condition(type="Healthy", status=ConditionStatus(status), reason=reason, message=message)


def result(*entries: ReplicaStatus, **more: Any) -> tuple[str, str]:
    arguments: dict[str, Any] = {"suspended": False, "before": None, "known": None}
    decided = healthy(entries, **arguments | more)
    return decided.status.value, decided.reason


@pytest.mark.parametrize(
    ("health", "status", "reason", "message"),
    [
        (UNTESTED, "Unknown", "Untested", "No attempt has succeeded yet"),
        (healthy_at(1), "True", "Delivering", "The latest attempt succeeded"),
        (failing_at(1), "Unknown", "Untested", "No attempt has succeeded yet: 503"),
        (
            SUCCESS_AND_FAILURE,
            "True",
            "Delivering",
            "The latest attempts failed (2 in a row), the circuit breaker is closed: 503",
        ),
        (
            failing_at(1, circuit=CircuitState.OPEN),
            "False",
            "CircuitOpen",
            "The circuit breaker is open: 503",
        ),
        (
            failing_at(1, circuit=CircuitState.HALF_OPEN),
            "False",
            "CircuitOpen",
            "The circuit breaker is open: 503",
        ),
        (
            failing_at(1, error="401", problem="AuthenticationFailed", circuit=CircuitState.OPEN),
            "False",
            "AuthenticationFailed",
            "The receiver accepts no message: 401",
        ),
        (Health(problem="Misconfigured"), "False", "Misconfigured", "The receiver accepts no message"),
        (CHANGED, "Unknown", "Untested", "No message was sent since the receiver changed"),
    ],
)
def test_health_of_one_replica_decides_status_reason_and_message(
    health: Health, status: str, reason: str, message: str
) -> None:
    assert assess(entry(health)) == condition(status, reason, message)


def test_replica_with_the_latest_attempt_is_believed() -> None:
    old, new = entry(failing_at(1, problem="Gone"), "a"), entry(healthy_at(2), "b")
    assert result(old, new) == result(new, old) == ("True", "Delivering")


def test_problem_without_an_attempt_counts_from_the_time_of_its_entry() -> None:
    attempted = entry(healthy_at(50), "a")
    assert result(attempted, entry(Health(problem="Misconfigured"), "b", 60)) == ("False", "Misconfigured")
    assert result(attempted, entry(Health(problem="Misconfigured"), "b", 40)) == ("True", "Delivering")


def test_problem_wins_where_two_attempts_ended_at_the_same_time() -> None:
    good, bad = entry(healthy_at(1), "b"), entry(failing_at(1, problem="Gone"), "a")
    assert result(good, bad) == result(bad, good) == ("False", "Gone")


def test_suspended_receiver_is_not_healthy_whatever_it_did() -> None:
    assert result(entry(healthy_at(1)), suspended=True) == ("False", "Suspended")


@pytest.mark.parametrize("reason", ["Delivering", "AuthenticationFailed"])
@pytest.mark.parametrize("entries", [(), (entry(UNTESTED),), (entry(healthy_at(1)),)])
def test_condition_outlives_the_replica_that_it_rests_on(
    reason: str, entries: tuple[ReplicaStatus, ...]
) -> None:
    before = condition("True", reason)
    assert healthy(entries, suspended=False, before=before, known=at(9)) == before


@pytest.mark.parametrize("reason", ["CircuitOpen", "Suspended", "Untested", ""])
def test_passing_reason_ends_with_the_replica_that_it_rests_on(reason: str) -> None:
    before = condition("False", reason)
    assert result(before=before, known=at(9)) == ("Unknown", "Untested")


def test_receiver_without_any_evidence_is_untested() -> None:
    assert result() == ("Unknown", "Untested")
    assert result(entry(UNTESTED)) == ("Unknown", "Untested")
