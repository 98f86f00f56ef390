"""Holds: a notification whose destination takes no message now says so, and waits as long as it has to."""

from typing import Any

from notification_domain.folding.fold import fold
from notification_domain.json_values import format_time
from notification_domain.model import Attempt, Notification, RetryPolicy, parse
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import START, at, failure, notification, stored, success

PAUSE = {"slack": Hold(until=at(3600), reason=HoldReason.PAUSE)}


def folded(fresh: Notification, *attempts: Attempt, **options: Any) -> dict[str, Any]:
    return fold(
        Situation(
            now=at(5),
            notification=fresh,
            route=Route(targets=fresh.channels),
            running=options.get("in_flight", frozenset()),
            holds=PAUSE,
        ),
        attempts,
        queued_at=START,
    ).dump()


def test_new_notification_says_what_it_waits_for_and_until_when() -> None:
    status = folded(notification("slack"))
    assert (status["phase"], status["totalAttempts"], status["nextAttemptAt"]) == (
        "Sending",
        0,
        format_time(at(3600)),
    )
    assert status["message"] == (
        "Delivering to slack; slack waits until 2026-03-01T13:00:00.000000Z: the receiver asked for a pause"
    )


def test_pause_is_longer_than_the_longest_backoff_of_the_policy() -> None:
    short = notification("slack", retry=RetryPolicy(max_backoff=60), attempts=(failure("slack"),))
    status = folded(short)
    assert status["nextAttemptAt"] == format_time(at(3600))
    assert status["message"].startswith("Not delivered yet; retrying slack; slack waits until")


def test_pause_of_one_channel_is_shown_with_the_success_of_another() -> None:
    status = folded(notification("slack", "console", attempts=(failure("slack"), success("console"))))
    assert status["phase"] == "Retrying"
    assert status["message"].startswith("Delivered to 1 of 2 channel(s); retrying slack; slack waits until")


def test_pause_of_a_finished_channel_is_not_shown() -> None:
    status = folded(notification("slack", "console", attempts=(success("slack"), failure("console"))))
    assert "waits" not in status["message"]
    assert status["nextAttemptAt"] < format_time(at(3600))


def test_folding_a_hold_twice_changes_nothing() -> None:
    once = folded(notification("slack"))
    again = parse(stored(spec={"channels": ["slack"]}, status=once))
    assert folded(again) == once
