"""A namespace that may not use a channel: the target fails at once, and the status says why."""

from dataclasses import replace
from typing import Any

from notification_domain.folding.fold import fold
from notification_domain.model import Attempt, parse
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import START, at, failure, notification, stored, success


def not_allowed(channel: str) -> Attempt:
    return replace(failure(channel, permanent=True), reason="ChannelNotAllowed")


def folded(*attempts: Attempt) -> dict[str, Any]:
    channels = tuple(attempt.channel for attempt in attempts)
    fresh = notification(*channels)
    return fold(
        Situation(now=at(5), notification=fresh, route=Route(targets=channels)), attempts, queued_at=START
    ).dump()


def test_only_channel_that_is_not_allowed_is_the_reason_of_the_status() -> None:
    status = folded(not_allowed("slack"))
    assert (status["phase"], status["reason"]) == ("Failed", "ChannelNotAllowed")
    assert status["message"] == "Not delivered; the namespace may not use slack"
    (entry,) = status["deliveryAttempts"]
    assert (entry["reason"], entry["permanent"]) == ("ChannelNotAllowed", True)


def test_other_failure_with_it_keeps_the_general_reason() -> None:
    status = folded(not_allowed("slack"), failure("file", permanent=True))
    assert (status["phase"], status["reason"]) == ("Failed", "AllDeliveriesFailed")
    assert status["message"] == "Not delivered; file failed permanently; the namespace may not use slack"


def test_allowed_channel_is_served_all_the_way() -> None:
    status = folded(not_allowed("slack"), success("console"))
    assert status["phase"] == "PartiallySent"
    assert status["message"] == "Delivered to 1 of 2 channel(s); the namespace may not use slack"


def test_reason_of_an_attempt_survives_reading_and_writing() -> None:
    status = folded(not_allowed("slack"))
    again = parse(stored(spec={"channels": ["slack"]}, status=status))
    assert again.status.dump() == status
