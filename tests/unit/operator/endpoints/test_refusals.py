"""Holds: when a notification is looked at again whose receiver takes no message."""

from __future__ import annotations

from datetime import timedelta

from notification_domain.receivers.catalog import ReceiverKey
from notification_operator.endpoints.refusals import HOLD_SECONDS, missing, next_look
from tests.unit.operator.domain.builders import START, at


def test_held_notification_is_looked_at_at_a_time_that_does_not_move() -> None:
    times = {next_look(at(seconds), "uid-1") for seconds in range(0, 3 * HOLD_SECONDS, 7)}
    assert len(times) == 4
    assert all(next_look(each, "uid-1") - each == timedelta(seconds=HOLD_SECONDS) for each in times)
    for seconds in (0, 0.000001, 899.999999, 1234.5):
        assert at(seconds) < next_look(at(seconds), "uid-1") <= at(seconds + HOLD_SECONDS)


def test_held_notifications_are_not_looked_at_together() -> None:
    times = [next_look(START, f"uid-{number}") for number in range(1000)]
    assert len(set(times)) > 500


def test_one_receiver_too_many_is_refused_with_the_reason() -> None:
    problem = "too many receivers: namespace shop has 3"
    assert str(missing(ReceiverKey("shop", "r"), (problem,)).error).endswith(f"there are {problem}")
