"""What an open circuit breaker does to a notification: it waits, says so once, and loses no try."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notification_operator.domain.fold import fold, merge_attempts
from notification_operator.domain.model import Attempt, Notification, RetryPolicy, parse
from notification_operator.domain.plan import PlanReason, Send, plan
from notification_operator.domain.progress import State, progress
from notification_operator.domain.retry import next_attempt_at
from notification_operator.domain.routing.route import Route
from notification_operator.domain.text.timestamps import format_time
from tests.unit.operator.domain.builders import (
    FAST,
    START,
    at,
    circuit_open,
    failure,
    notification,
    stored,
    success,
)

HELD = {"slack": at(30)}


def planned(
    seen: Notification, held: Mapping[str, datetime], *, seconds: float
) -> tuple[PlanReason, list[Send]]:
    made = plan(
        seen, Route(channels=seen.channels), in_flight=frozenset(), open_breakers=held, now=at(seconds)
    )
    return made.reason, list(made.sends)


def folded(seen: Notification, *made: Attempt, held: Mapping[str, datetime] = HELD) -> dict[str, Any]:
    return fold(
        seen,
        made,
        route=Route(channels=seen.channels),
        in_flight=frozenset(),
        open_breakers=held,
        queued_at=START,
        now=at(5),
    ).dump()


def test_a_try_that_was_turned_away_has_a_number_and_uses_up_none_of_those_allowed() -> None:
    once = notification("slack", retry=RetryPolicy(max_attempts=1))
    [step] = progress(once, ["slack"], [circuit_open("slack")])
    assert (step.state, step.next_number, step.circuit_open) == (State.BACKING_OFF, 2, True)
    [step] = progress(once, ["slack"], [circuit_open("slack"), failure("slack", 2)])
    assert (step.state, step.next_number) == (State.EXHAUSTED, 3)


def test_the_pauses_grow_with_the_tries_that_reached_their_receiver() -> None:
    second = failure("slack", 3, seconds=40)
    tries = [failure("slack", 1), circuit_open("slack", 2, seconds=2), second]
    [step] = progress(notification("slack"), ["slack"], tries)
    assert step.next_at == next_attempt_at(FAST, second, failures=2, seed="uid-1:slack:3")
    assert not step.circuit_open


def test_without_any_that_did_the_next_may_begin_at_once() -> None:
    [step] = progress(notification("slack"), ["slack"], [circuit_open("slack", seconds=3)])
    assert step.next_at == at(3)


def test_a_channel_is_tried_once_more_while_its_breaker_is_open_so_that_its_status_can_tell() -> None:
    for attempts in ((), (failure("slack"),)):
        why, sends = planned(notification("slack", attempts=attempts), HELD, seconds=5)
        assert (why, [send.number for send in sends]) == (PlanReason.DUE, [len(attempts) + 1])


def test_after_that_it_is_left_alone_until_the_next_probe() -> None:
    seen = notification("slack", attempts=(failure("slack"), circuit_open("slack", 2, seconds=2)))
    assert planned(seen, HELD, seconds=29.9) == (PlanReason.BACKOFF, [])
    expected = [Send(channel="slack", number=3, id="uid-1:slack:3")]
    assert planned(seen, HELD, seconds=30) == (PlanReason.DUE, expected)
    assert planned(seen, {}, seconds=5) == (PlanReason.DUE, expected)
    assert planned(seen, {"file": at(30)}, seconds=5) == (PlanReason.DUE, expected)


def test_its_next_attempt_is_announced_for_the_next_probe_and_moves_with_it() -> None:
    status = folded(notification("slack"), circuit_open("slack"))
    assert status["nextAttemptAt"] == format_time(at(30))
    later = folded(parse(stored(spec={"channels": ["slack"]}, status=status)), held={"slack": at(60)})
    assert later == status | {"nextAttemptAt": format_time(at(60))}


def test_a_pause_that_is_not_over_is_waited_for_first() -> None:
    status = folded(notification("slack"), failure("slack", seconds=4.9))
    assert status["nextAttemptAt"] < format_time(at(7))


def test_the_entry_is_a_failed_one_that_may_be_tried_again_and_says_what_it_is() -> None:
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


def test_of_several_in_a_row_a_channel_keeps_the_first() -> None:
    seen = notification("slack", "file", attempts=(circuit_open("slack"),))
    made = [circuit_open("slack", 2, seconds=30), circuit_open("file", 1, seconds=31)]
    assert merge_attempts(seen, made).attempts == (circuit_open("slack"), circuit_open("file", 1, seconds=31))
    assert merge_attempts(seen, [circuit_open("slack", 2, seconds=30)]) is seen


def test_one_that_was_not_kept_does_not_stand_in_the_way_of_the_try_that_takes_its_number() -> None:
    seen = notification("slack", attempts=(circuit_open("slack"),))
    served = success("slack", 2, seconds=60)
    made = [circuit_open("slack", 2, seconds=30), served]
    assert merge_attempts(seen, made).attempts == (circuit_open("slack"), served)
    assert merge_attempts(seen, reversed(made)).attempts == (circuit_open("slack"), served)
