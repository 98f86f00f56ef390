"""Phase, reason and message, from the channels' progress."""

import pytest

from notification_operator.domain.model import Attempt, Phase, Reason, RetryPolicy
from notification_operator.domain.outcome import PhaseDecision, decide_phase
from notification_operator.domain.progress import progress
from tests.unit.operator.domain.builders import FAST, failure, notification, success

THREE = RetryPolicy(max_attempts=3, initial_backoff=1, multiplier=2, max_backoff=60)


def decision(
    *attempts: Attempt,
    channels: tuple[str, ...] = ("a", "b"),
    present: Phase = Phase.PENDING,
    in_flight: frozenset[str] = frozenset(),
    policy: RetryPolicy = THREE,
) -> PhaseDecision:
    steps = progress(notification(*channels, retry=policy), channels, attempts)
    return decide_phase(steps, policy, present=present, in_flight=in_flight)


def exhausted(channel: str) -> list[Attempt]:
    return [failure(channel, number) for number in (1, 2, 3)]


def refused(channel: str) -> Attempt:
    return failure(channel, permanent=True)


@pytest.mark.parametrize("present", [Phase.PENDING, Phase.SENDING, Phase.RETRYING])
def test_it_is_sent_when_every_channel_was_served(present: Phase) -> None:
    assert decision(success("a"), success("b"), present=present) == PhaseDecision(
        phase=Phase.SENT,
        reason=Reason.ALL_DELIVERIES_SUCCEEDED,
        message="Successfully delivered to 2 channel(s)",
    )


def test_a_channel_that_recovered_counts_as_served() -> None:
    assert decision(failure("a", 1), success("a", 2), channels=("a",)).phase is Phase.SENT


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ([refused("b")], "Delivered to 1 of 2 channel(s); b failed permanently"),
        (exhausted("b"), "Delivered to 1 of 2 channel(s); b failed after 3 of 3 attempts"),
    ],
)
def test_it_is_partially_sent_when_some_were_served_and_the_rest_is_finished(
    lost: list[Attempt], message: str
) -> None:
    assert decision(success("a"), *lost) == PhaseDecision(
        phase=Phase.PARTIALLY_SENT, reason=Reason.PARTIAL_DELIVERY_SUCCESS, message=message
    )


def test_it_is_failed_for_good_when_every_channel_refused() -> None:
    assert decision(refused("a"), refused("b")) == PhaseDecision(
        phase=Phase.FAILED,
        reason=Reason.ALL_DELIVERIES_FAILED,
        message="Not delivered; a, b failed permanently",
    )


@pytest.mark.parametrize("other", [exhausted("b"), [refused("b")]])
def test_it_is_failed_by_exhaustion_when_any_channel_used_up_its_tries(other: list[Attempt]) -> None:
    found = decision(*exhausted("a"), *other)
    assert (found.phase, found.reason) == (Phase.FAILED, Reason.MAX_RETRIES_EXHAUSTED)
    assert "a" in found.message
    assert "failed after 3 of 3 attempts" in found.message


def test_finality_is_decided_with_the_try_just_made() -> None:
    assert decision(failure("a", 1), failure("a", 2), channels=("a",)).phase is Phase.SENDING
    assert decision(*exhausted("a"), channels=("a",)).phase is Phase.FAILED
    once = RetryPolicy(max_attempts=1)
    assert decision(success("a"), failure("b"), policy=once).phase is Phase.PARTIALLY_SENT


def test_it_is_retrying_when_one_was_served_and_another_failed_with_tries_left() -> None:
    assert decision(success("a"), failure("b")) == PhaseDecision(
        phase=Phase.RETRYING,
        reason=Reason.PARTIAL_FAILURE_RETRYING,
        message="Delivered to 1 of 2 channel(s); retrying b",
    )


def test_retrying_is_not_left_while_the_next_try_is_under_way() -> None:
    untried = decision(success("a"), present=Phase.RETRYING, in_flight=frozenset({"b"}))
    assert untried.phase is Phase.RETRYING
    assert decision(success("a"), failure("b"), present=Phase.RETRYING, in_flight=frozenset({"b"})).phase is (
        Phase.RETRYING
    )


def test_it_stays_sending_while_nothing_was_served_and_tries_remain() -> None:
    assert decision(failure("a"), refused("b"), present=Phase.SENDING) == PhaseDecision(
        phase=Phase.SENDING,
        reason=Reason.PROCESSING_DELIVERIES,
        message="Not delivered yet; retrying a",
    )


def test_an_open_delivery_is_shown_as_sending() -> None:
    assert decision(in_flight=frozenset({"a", "b"})) == PhaseDecision(
        phase=Phase.SENDING, reason=Reason.PROCESSING_DELIVERIES, message="Delivering to a, b"
    )


def test_a_served_channel_beside_an_open_first_try_is_sending_and_not_retrying() -> None:
    assert decision(success("a"), in_flight=frozenset({"b"})).message == "Delivering to b"


def test_untouched_it_is_pending() -> None:
    assert decision() == PhaseDecision(
        phase=Phase.PENDING, reason=Reason.INITIALIZED, message="Waiting for the first delivery attempt"
    )


@pytest.mark.parametrize("policy", [THREE, RetryPolicy(max_attempts=1)])
def test_a_refusal_beside_a_channel_that_was_never_tried_is_not_pending(policy: RetryPolicy) -> None:
    """As after a stop that broke the other channel's first try off: the refusal has to be recorded."""
    lost = refused("a") if policy is THREE else failure("a")
    assert decision(lost, policy=policy) == PhaseDecision(
        phase=Phase.SENDING, reason=Reason.PROCESSING_DELIVERIES, message="Delivering to b"
    )


def test_the_default_policy_does_not_change_the_words() -> None:
    assert FAST.max_attempts == 5
    assert (
        "after 5 of 5 attempts"
        in decision(*[failure("a", n) for n in range(1, 6)], channels=("a",), policy=FAST).message
    )
