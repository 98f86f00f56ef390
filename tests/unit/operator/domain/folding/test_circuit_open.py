"""A notification with an open circuit breaker: it waits, records that once, and loses no attempt."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notification_domain.folding.fold import fold, merge_attempts
from notification_domain.json_values import format_time
from notification_domain.model import Attempt, Notification, RetryPolicy, parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import PlanReason, Send, plan
from notification_domain.planning.progress import State
from notification_domain.planning.retry import next_attempt_at
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import (
    FAST,
    START,
    at,
    circuit_open,
    failure,
    notification,
    progress_of,
    stored,
    success,
)

OPEN_BREAKERS = {"slack": at(30)}


def planned(
    fresh: Notification, open_breakers: Mapping[str, datetime], *, seconds: float
) -> tuple[PlanReason, list[Send]]:
    result = plan(
        *follow(
            Situation(
                now=at(seconds),
                notification=fresh,
                route=Route(targets=fresh.channels),
                open_breakers=open_breakers,
            )
        )
    )
    return result.reason, list(result.sends)


def folded(
    fresh: Notification, *attempts: Attempt, open_breakers: Mapping[str, datetime] = OPEN_BREAKERS
) -> dict[str, Any]:
    return fold(
        Situation(
            now=at(5), notification=fresh, route=Route(targets=fresh.channels), open_breakers=open_breakers
        ),
        attempts,
        queued_at=START,
    ).dump()


def test_rejected_attempt_has_a_number_and_does_not_count() -> None:
    once = notification("slack", retry=RetryPolicy(max_attempts=1))
    [step] = progress_of(once, ["slack"], [circuit_open("slack")])
    assert (step.state, step.next_number, step.circuit_open) == (State.BACKING_OFF, 2, True)
    [step] = progress_of(once, ["slack"], [circuit_open("slack"), failure("slack", 2)])
    assert (step.state, step.next_number) == (State.EXHAUSTED, 3)


def test_backoff_grows_with_attempts_that_reached_the_receiver() -> None:
    second = failure("slack", 3, seconds=40)
    attempts = [failure("slack", 1), circuit_open("slack", 2, seconds=2), second]
    [step] = progress_of(notification("slack"), ["slack"], attempts)
    assert step.next_at == next_attempt_at(FAST, second, failures=2, seed="uid-1:2")
    assert not step.circuit_open


def test_next_attempt_is_due_at_once_if_none_reached_the_receiver() -> None:
    [step] = progress_of(notification("slack"), ["slack"], [circuit_open("slack", seconds=3)])
    assert step.next_at == at(3)


def test_first_attempt_at_an_open_breaker_is_due_to_record_it() -> None:
    for attempts in ((), (failure("slack"),)):
        why, sends = planned(notification("slack", attempts=attempts), OPEN_BREAKERS, seconds=5)
        assert (why, [send.number for send in sends]) == (PlanReason.DUE, [len(attempts) + 1])


def test_recorded_open_breaker_defers_attempts_to_the_next_probe() -> None:
    fresh = notification("slack", attempts=(failure("slack"), circuit_open("slack", 2, seconds=2)))
    assert planned(fresh, OPEN_BREAKERS, seconds=29.9) == (PlanReason.BACKOFF, [])
    expected = [Send(channel="slack", number=3, id="uid-1:slack:3", delivery_id="uid-1/slack")]
    assert planned(fresh, OPEN_BREAKERS, seconds=30) == (PlanReason.DUE, expected)
    assert planned(fresh, {}, seconds=5) == (PlanReason.DUE, expected)
    assert planned(fresh, {"file": at(30)}, seconds=5) == (PlanReason.DUE, expected)


def test_next_probe_is_not_in_the_status_and_its_delay_writes_nothing() -> None:
    status = folded(notification("slack"), circuit_open("slack"))
    assert "nextAttemptAt" not in status
    stored_again = parse(stored(spec={"channels": ["slack"]}, status=status))
    assert folded(stored_again, open_breakers={"slack": at(60)}) == status


def test_other_target_has_its_next_attempt_while_one_waits_for_a_probe() -> None:
    status = folded(notification("slack", "file"), circuit_open("slack"), failure("file", seconds=4.9))
    assert status["nextAttemptAt"] < format_time(at(7))


def test_running_backoff_comes_before_the_next_probe() -> None:
    status = folded(notification("slack"), failure("slack", seconds=4.9))
    assert status["nextAttemptAt"] < format_time(at(7))


def test_rejected_attempt_is_recorded_as_a_transient_failure() -> None:
    status = folded(notification("slack"), circuit_open("slack"))
    assert status["deliveryAttempts"] == [
        {
            "channel": "slack",
            "attempt": 1,
            "timestamp": format_time(START),
            "status": "failed",
            "durationSeconds": 0.0,
            "error": "circuit breaker open",
            "circuitOpen": True,
        }
    ]
    assert (status["phase"], status["totalAttempts"], status["failedDeliveries"]) == ("Sending", 1, 1)
    assert parse(stored(status=status)).attempts == (circuit_open("slack"),)


def test_consecutive_rejected_attempts_keep_the_first() -> None:
    fresh = notification("slack", "file", attempts=(circuit_open("slack"),))
    completed = [circuit_open("slack", 2, seconds=30), circuit_open("file", 1, seconds=31)]
    assert merge_attempts(fresh, completed).attempts == (
        circuit_open("slack"),
        circuit_open("file", 1, seconds=31),
    )
    assert merge_attempts(fresh, [circuit_open("slack", 2, seconds=30)]) is fresh


def test_dropped_rejected_attempt_leaves_its_number_free() -> None:
    fresh = notification("slack", attempts=(circuit_open("slack"),))
    delivered = success("slack", 2, seconds=60)
    completed = [circuit_open("slack", 2, seconds=30), delivered]
    assert merge_attempts(fresh, completed).attempts == (circuit_open("slack"), delivered)
    assert merge_attempts(fresh, reversed(completed)).attempts == (circuit_open("slack"), delivered)


def test_attempt_that_was_made_replaces_a_rejected_one_of_the_same_id() -> None:
    """Another process was not rejected: its breaker was closed."""
    fresh = notification("slack", attempts=(circuit_open("slack", 1),))
    for attempted in (failure("slack", 1, seconds=5), success("slack", 1, seconds=5)):
        assert merge_attempts(fresh, [attempted]).attempts == (attempted,)
        assert merge_attempts(fresh, [circuit_open("slack", 1, seconds=9), attempted]).attempts == (
            attempted,
        )
    assert merge_attempts(fresh, [failure("file", 1)]).attempts == (
        circuit_open("slack", 1),
        failure("file", 1),
    )


def test_rejected_attempt_never_replaces_one_that_was_made() -> None:
    fresh = notification("slack", attempts=(failure("slack", 1),))
    assert merge_attempts(fresh, [circuit_open("slack", 1, seconds=5)]) is fresh


def test_attempt_that_was_made_makes_room_for_the_next_rejection() -> None:
    fresh = notification("slack", attempts=(circuit_open("slack", 1),))
    attempted, rejected = failure("slack", 1, seconds=5), circuit_open("slack", 2, seconds=9)
    assert merge_attempts(fresh, [attempted, rejected]).attempts == (attempted, rejected)
