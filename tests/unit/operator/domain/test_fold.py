"""From a fresh read and the tries made since, to the next status."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from notification_operator.domain.fold import fold, merge_attempts
from notification_operator.domain.model import Attempt, Notification, Phase, parse
from notification_operator.domain.phases import IllegalMoveError
from notification_operator.domain.progress import progress
from notification_operator.domain.routing.route import Route, RoutingReason
from notification_operator.domain.text.timestamps import format_time
from tests.unit.operator.domain.builders import START, at, failure, notification, stored, success


def folded(
    fresh: Notification,
    *made: Attempt,
    route: Route | None = None,
    in_flight: Iterable[str] = (),
    seconds: float = 1,
) -> dict[str, Any]:
    return fold(
        fresh,
        made,
        route=route or Route(channels=fresh.channels),
        in_flight=frozenset(in_flight),
        queued_at=START,
        now=at(seconds),
    ).dump()


def again(status: dict[str, Any], *channels: str, **spec: Any) -> Notification:
    policy = {"maxAttempts": 5, "initialBackoffSeconds": 1, "maxBackoffSeconds": 60}
    return parse(stored(spec={"channels": list(channels), "retryPolicy": policy} | spec, status=status))


def test_a_quick_delivery_goes_from_pending_to_its_result_in_one_status() -> None:
    status = folded(notification("slack"), success("slack", seconds=0.2, duration=0.25))
    assert status == {
        "phase": "Sent",
        "reason": "AllDeliveriesSucceeded",
        "message": "Successfully delivered to 1 channel(s)",
        "observedGeneration": 1,
        "deliveryAttempts": [
            {
                "channel": "slack",
                "attempt": 1,
                "timestamp": format_time(at(0.2)),
                "status": "success",
                "durationSeconds": 0.25,
            }
        ],
        "totalAttempts": 1,
        "successfulDeliveries": 1,
        "failedDeliveries": 0,
        "queuedAt": format_time(START),
        "processingStartedAt": format_time(at(0.2)),
        "completionTime": format_time(at(1)),
        "conditions": [
            {
                "type": "Delivered",
                "status": "True",
                "reason": "AllDeliveriesSucceeded",
                "message": "Successfully delivered to 1 channel(s)",
                "observedGeneration": 1,
                "lastTransitionTime": format_time(at(1)),
            }
        ],
    }


def test_folding_twice_is_folding_once() -> None:
    made = (failure("slack"), success("console"))
    once = folded(notification("slack", "console"), *made)
    assert folded(again(once, "slack", "console"), *made, seconds=50) == once


def test_a_try_that_the_read_holds_already_is_not_recorded_again_whatever_its_time_or_text() -> None:
    status = folded(notification("slack"), failure("slack"))
    told_again = replace(failure("slack", seconds=0.4), error="other words")
    assert folded(again(status, "slack"), told_again) == status


def test_a_success_takes_the_place_of_a_failure_that_another_process_recorded_under_the_same_id() -> None:
    status = folded(notification("slack", "file"), failure("slack"), success("file"))
    mine = success("slack", seconds=0.4)
    once = folded(again(status, "slack", "file"), mine)
    assert [entry["status"] for entry in once["deliveryAttempts"]] == ["success", "success"]
    assert (once["phase"], once["totalAttempts"]) == ("Sent", 2)
    assert folded(again(once, "slack", "file"), mine) == once


def test_a_failure_never_takes_the_place_of_a_success() -> None:
    seen = notification("slack", attempts=(success("slack"),))
    assert merge_attempts(seen, [failure("slack")]) is seen


def test_tries_are_recorded_in_the_order_in_which_they_ended() -> None:
    late, early = success("slack", seconds=0, duration=3), failure("file", seconds=1, duration=1)
    recorded = merge_attempts(notification("slack", "file"), [late, early]).attempts
    assert recorded == (early, late)


def test_nothing_new_to_record_leaves_the_notification_itself() -> None:
    seen = notification("slack", attempts=(success("slack"),))
    assert merge_attempts(seen, [success("slack")]) is seen


def test_counters_are_counted_by_channel_and_attempts_by_try() -> None:
    made = [failure("slack", 1), success("slack", 2, 2), failure("file", permanent=True), failure("log")]
    status = folded(notification("slack", "file", "log", "console"), *made, in_flight=["console"])
    counters = ("totalAttempts", "successfulDeliveries", "failedDeliveries")
    assert [status[key] for key in counters] == [4, 1, 2]


def test_counters_that_somebody_spoiled_are_counted_anew() -> None:
    status = folded(notification("slack", "file"), success("slack"), failure("file"))
    spoiled = status | {"successfulDeliveries": 17, "totalAttempts": 0}
    assert folded(again(spoiled, "slack", "file")) == status


def test_an_open_delivery_is_shown_without_an_end() -> None:
    status = folded(notification("slack"), in_flight=["slack"])
    assert (status["phase"], status["totalAttempts"]) == ("Sending", 0)
    assert status["processingStartedAt"] == format_time(at(1))
    assert "completionTime" not in status
    assert "nextAttemptAt" not in status


def test_the_next_try_is_announced_while_it_is_due_and_not_under_way() -> None:
    waiting = notification("slack", "file", attempts=(failure("slack", seconds=5), failure("file")))
    due = [step.next_at for step in progress(waiting, waiting.channels, waiting.attempts)]
    assert folded(waiting)["nextAttemptAt"] == format_time(min(filter(None, due)))
    assert folded(waiting, in_flight=["file"])["nextAttemptAt"] == format_time(due[0] or START)
    assert "nextAttemptAt" not in folded(waiting, in_flight=["slack", "file"])


def test_the_next_try_is_no_longer_announced_once_it_is_made() -> None:
    status = folded(notification("slack"), failure("slack"))
    assert "nextAttemptAt" in status
    assert "nextAttemptAt" not in folded(again(status, "slack"), success("slack", 2, seconds=2))


def test_times_that_stand_are_kept() -> None:
    status = folded(notification("slack"), in_flight=["slack"])
    later = fold(
        again(status, "slack"),
        [success("slack", seconds=20)],
        route=Route(channels=("slack",)),
        in_flight=frozenset(),
        queued_at=at(30),
        now=at(40),
    ).dump()
    assert (later["queuedAt"], later["processingStartedAt"]) == (
        status["queuedAt"],
        status["processingStartedAt"],
    )
    assert later["completionTime"] == format_time(at(40))


def test_it_was_never_queued_after_its_first_try() -> None:
    status = fold(
        notification("slack"),
        [success("slack", seconds=1)],
        route=Route(channels=("slack",)),
        in_flight=frozenset(),
        queued_at=at(9),
        now=at(10),
    ).dump()
    assert status["queuedAt"] == format_time(at(1))


@pytest.mark.parametrize("phase", [Phase.SENT, Phase.PARTIALLY_SENT, Phase.FAILED])
def test_a_final_status_stays_as_it_is(phase: Phase) -> None:
    status = {"phase": phase.value, "reason": "AnyReason", "foreign": 1}
    assert folded(again(status, "slack"), success("slack"), in_flight=["slack"]) == status


def test_nothing_is_written_before_something_happened() -> None:
    assert folded(notification("slack", status={"phase": "Pending", "x": 1})) == {"phase": "Pending", "x": 1}


def test_a_delivery_lost_in_a_crash_leaves_the_status_until_it_is_made_again() -> None:
    status = folded(notification("slack"), in_flight=["slack"])
    assert folded(again(status, "slack"), seconds=99) == status


def test_fields_and_conditions_of_other_writers_survive() -> None:
    theirs = {"phase": "Pending", "foreign": {"a": [1]}, "conditions": [{"type": "Theirs", "status": "True"}]}
    status = folded(notification("slack", status=theirs), success("slack"))
    assert status["foreign"] == {"a": [1]}
    assert status["conditions"][0] == {"type": "Theirs", "status": "True"}
    assert [condition["type"] for condition in status["conditions"]] == ["Theirs", "Delivered"]


def test_the_read_is_not_changed() -> None:
    fresh = again(folded(notification("slack"), failure("slack")), "slack")
    before = repr(fresh.status)
    folded(fresh, success("slack", 2, seconds=2))
    assert repr(fresh.status) == before


def test_the_choice_of_routing_is_recorded_with_its_reason() -> None:
    route = Route(channels=("slack", "console"), reason=RoutingReason.RULE_MATCHED, message="rule x")
    status = folded(notification(), success("slack"), success("console"), route=route)
    assert status["resolvedChannels"] == ["slack", "console"]
    resolved = {condition["type"]: condition for condition in status["conditions"]}["RoutingResolved"]
    assert (resolved["status"], resolved["reason"], resolved["message"]) == (
        "True",
        "RoutingRuleMatched",
        "rule x",
    )


def test_named_channels_leave_no_trace_of_routing() -> None:
    status = folded(notification("slack"), success("slack"))
    assert "resolvedChannels" not in status
    assert [condition["type"] for condition in status["conditions"]] == ["Delivered"]


def test_optional_fields_of_an_attempt_are_written_when_they_say_something() -> None:
    made = [failure("slack", retry_after=7), failure("file", permanent=True), success("console")]
    entries = {
        entry["channel"]: entry
        for entry in folded(notification("slack", "file", "console"), *made)["deliveryAttempts"]
    }
    assert (entries["slack"]["error"], entries["slack"]["retryAfterSeconds"]) == ("503", 7)
    assert "permanent" not in entries["slack"]
    assert entries["file"]["permanent"] is True
    assert not {"error", "permanent", "retryAfterSeconds"} & set(entries["console"])


def test_a_recorded_attempt_reads_back_as_it_was() -> None:
    made = failure("slack", seconds=0.123456, duration=0.000001, retry_after=2.5)
    assert again(folded(notification("slack"), made), "slack").attempts == (made,)


def test_a_status_that_left_the_table_is_refused_rather_than_repaired() -> None:
    tampered = notification("slack", phase=Phase.RETRYING, attempts=(failure("slack"),))
    with pytest.raises(IllegalMoveError, match="Retrying cannot become Sending"):
        folded(tampered)
