"""`fold`: from a fresh read and the attempts completed since, to the next status."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.folding.fold import fold, merge_attempts
from notification_domain.json_values import format_time
from notification_domain.model import Attempt, Notification, parse
from notification_domain.routing import Route, RoutingReason
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import START, at, failure, notification, progress_of, stored, success


def folded(
    fresh: Notification,
    *attempts: Attempt,
    route: Route | None = None,
    in_flight: Iterable[str] = (),
    seconds: float = 1,
) -> dict[str, Any]:
    return fold(
        Situation(
            now=at(seconds),
            notification=fresh,
            route=route or Route(targets=fresh.channels),
            running=frozenset(in_flight),
        ),
        attempts,
        queued_at=START,
    ).dump()


def stored_with(status: dict[str, Any], *channels: str, **spec: Any) -> Notification:
    policy = {"maxAttempts": 5, "initialBackoffSeconds": 1, "maxBackoffSeconds": 60}
    return parse(stored(spec={"channels": list(channels), "retryPolicy": policy} | spec, status=status))


def test_quick_delivery_is_one_status_from_pending_to_sent() -> None:
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
        "targets": [
            {
                "name": "slack",
                "state": "Delivered",
                "attempts": 1,
                "deliveredAt": format_time(at(0.45)),
            }
        ],
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


def test_fold_is_idempotent() -> None:
    attempts = (failure("slack"), success("console"))
    once = folded(notification("slack", "console"), *attempts)
    assert folded(stored_with(once, "slack", "console"), *attempts, seconds=50) == once


def test_recorded_attempt_is_not_recorded_again() -> None:
    status = folded(notification("slack"), failure("slack"))
    repeated = replace(failure("slack", seconds=0.4), error="another text")
    assert folded(stored_with(status, "slack"), repeated) == status


def test_success_replaces_a_failure_of_the_same_id() -> None:
    status = folded(notification("slack", "file"), failure("slack"), success("file"))
    repeated = success("slack", seconds=0.4)
    once = folded(stored_with(status, "slack", "file"), repeated)
    assert [entry["status"] for entry in once["deliveryAttempts"]] == ["success", "success"]
    assert (once["phase"], once["totalAttempts"]) == ("Sent", 2)
    assert folded(stored_with(once, "slack", "file"), repeated) == once


def test_failure_in_doubt_replaces_a_refusal_of_the_same_id() -> None:
    refusal, doubt = replace(failure("slack"), refused=True), failure("slack", seconds=0.4)
    for first, then in ((refusal, doubt), (doubt, refusal)):
        fresh = notification("slack", attempts=(first,))
        assert merge_attempts(fresh, [then]).attempts == (doubt,)


def test_failure_never_replaces_a_success() -> None:
    fresh = notification("slack", attempts=(success("slack"),))
    assert merge_attempts(fresh, [failure("slack")]) is fresh


def test_attempts_are_recorded_in_the_order_of_their_end() -> None:
    late, early = success("slack", seconds=0, duration=3), failure("file", seconds=1, duration=1)
    recorded = merge_attempts(notification("slack", "file"), [late, early]).attempts
    assert recorded == (early, late)


def test_merge_without_new_attempts_returns_the_same_object() -> None:
    fresh = notification("slack", attempts=(success("slack"),))
    assert merge_attempts(fresh, [success("slack")]) is fresh


def test_deliveries_count_channels_and_attempts_count_entries() -> None:
    attempts = [failure("slack", 1), success("slack", 2, 2), failure("file", permanent=True), failure("log")]
    status = folded(notification("slack", "file", "log", "console"), *attempts, in_flight=["console"])
    counters = ("totalAttempts", "successfulDeliveries", "failedDeliveries")
    assert [status[key] for key in counters] == [4, 1, 2]


def test_wrong_counters_are_recounted() -> None:
    status = folded(notification("slack", "file"), success("slack"), failure("file"))
    wrong = status | {"successfulDeliveries": 17, "totalAttempts": 0}
    assert folded(stored_with(wrong, "slack", "file")) == status


def test_running_delivery_has_no_completion_time() -> None:
    status = folded(notification("slack"), in_flight=["slack"])
    assert (status["phase"], status["totalAttempts"]) == ("Sending", 0)
    assert status["processingStartedAt"] == format_time(at(1))
    assert "completionTime" not in status
    assert "nextAttemptAt" not in status


def test_next_attempt_time_is_set_while_no_attempt_runs() -> None:
    waiting = notification("slack", "file", attempts=(failure("slack", seconds=5), failure("file")))
    due = [step.next_at for step in progress_of(waiting, waiting.channels, waiting.attempts)]
    assert folded(waiting)["nextAttemptAt"] == format_time(min(filter(None, due)))
    assert folded(waiting, in_flight=["file"])["nextAttemptAt"] == format_time(due[0] or START)
    assert "nextAttemptAt" not in folded(waiting, in_flight=["slack", "file"])


def test_next_attempt_time_is_removed_after_the_attempt() -> None:
    status = folded(notification("slack"), failure("slack"))
    assert "nextAttemptAt" in status
    assert "nextAttemptAt" not in folded(stored_with(status, "slack"), success("slack", 2, seconds=2))


def test_recorded_times_are_kept() -> None:
    status = folded(notification("slack"), in_flight=["slack"])
    later = fold(
        Situation(now=at(40), notification=stored_with(status, "slack"), route=Route(targets=("slack",))),
        [success("slack", seconds=20)],
        queued_at=at(30),
    ).dump()
    assert (later["queuedAt"], later["processingStartedAt"]) == (
        status["queuedAt"],
        status["processingStartedAt"],
    )
    assert later["completionTime"] == format_time(at(40))


def test_queued_time_is_never_after_the_first_attempt() -> None:
    status = fold(
        Situation(now=at(10), notification=notification("slack"), route=Route(targets=("slack",))),
        [success("slack", seconds=1)],
        queued_at=at(9),
    ).dump()
    assert status["queuedAt"] == format_time(at(1))


@pytest.mark.parametrize("phase", [Phase.SENT, Phase.PARTIALLY_SENT, Phase.FAILED])
def test_final_status_stays_unchanged(phase: Phase) -> None:
    status = {"phase": phase.value, "reason": "AnyReason", "foreign": 1}
    assert folded(stored_with(status, "slack"), success("slack"), in_flight=["slack"]) == status


def test_pending_status_stays_unchanged_without_attempts() -> None:
    assert folded(notification("slack", status={"phase": "Pending", "x": 1})) == {"phase": "Pending", "x": 1}


def test_attempt_lost_in_a_crash_leaves_the_status_unchanged() -> None:
    status = folded(notification("slack"), in_flight=["slack"])
    assert folded(stored_with(status, "slack"), seconds=99) == status


def test_fields_and_conditions_of_other_writers_survive() -> None:
    theirs = {"phase": "Pending", "foreign": {"a": [1]}, "conditions": [{"type": "Theirs", "status": "True"}]}
    status = folded(notification("slack", status=theirs), success("slack"))
    assert status["foreign"] == {"a": [1]}
    assert status["conditions"][0] == {"type": "Theirs", "status": "True"}
    assert [condition["type"] for condition in status["conditions"]] == ["Theirs", "Delivered"]


def test_fresh_read_is_not_changed() -> None:
    fresh = stored_with(folded(notification("slack"), failure("slack")), "slack")
    before = repr(fresh.status)
    folded(fresh, success("slack", 2, seconds=2))
    assert repr(fresh.status) == before


def test_choice_of_routing_is_recorded_with_its_reason() -> None:
    route = Route(targets=("slack", "console"), reason=RoutingReason.RULE_MATCHED, message="rule x")
    status = folded(notification(), success("slack"), success("console"), route=route)
    assert status["resolvedChannels"] == ["slack", "console"]
    resolved = {condition["type"]: condition for condition in status["conditions"]}["RoutingResolved"]
    assert (resolved["status"], resolved["reason"], resolved["message"]) == (
        "True",
        "RoutingRuleMatched",
        "rule x",
    )


def test_named_channels_record_no_routing() -> None:
    status = folded(notification("slack"), success("slack"))
    assert "resolvedChannels" not in status
    assert [condition["type"] for condition in status["conditions"]] == ["Delivered"]


def test_optional_fields_of_an_attempt_are_written_when_set() -> None:
    attempts = [failure("slack", retry_after=7), failure("file", permanent=True), success("console")]
    entries = {
        entry["channel"]: entry
        for entry in folded(notification("slack", "file", "console"), *attempts)["deliveryAttempts"]
    }
    assert (entries["slack"]["error"], entries["slack"]["retryAfterSeconds"]) == ("503", 7)
    assert "permanent" not in entries["slack"]
    assert entries["file"]["permanent"] is True
    assert not {"error", "permanent", "retryAfterSeconds"} & set(entries["console"])


def test_recorded_attempt_parses_as_the_same_attempt() -> None:
    attempts = failure("slack", seconds=0.123456, duration=0.000001, retry_after=2.5)
    assert stored_with(folded(notification("slack"), attempts), "slack").attempts == (attempts,)


def test_retrying_without_a_success_goes_on_as_sending() -> None:
    forged = notification("slack", phase=Phase.RETRYING, attempts=(failure("slack"),))
    assert folded(forged)["phase"] == "Sending"
    refused = notification("slack", phase=Phase.RETRYING, attempts=(failure("slack", permanent=True),))
    assert folded(refused)["phase"] == "Failed"
