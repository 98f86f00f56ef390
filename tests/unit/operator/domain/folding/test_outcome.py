"""Phase, reason and message, from the progress of the channels."""

from dataclasses import replace

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.folding.outcome import (
    DEAD_LETTER_REASONS,
    PhaseDecision,
    dead_letter_condition,
    decide_phase,
)
from notification_domain.model import Attempt, Reason, RetryPolicy
from notification_domain.planning.progress import progress
from notification_domain.receivers.targets import TargetRules
from notification_domain.routing import Route
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import (
    FAST,
    START,
    failure,
    holding,
    notification,
    progress_of,
    success,
)

THREE = RetryPolicy(max_attempts=3, initial_backoff=1, multiplier=2, max_backoff=60)


def decision(
    *attempts: Attempt,
    channels: tuple[str, ...] = ("a", "b"),
    present: Phase = Phase.PENDING,
    in_flight: frozenset[str] = frozenset(),
    policy: RetryPolicy = THREE,
) -> PhaseDecision:
    steps = progress_of(notification(*channels, retry=policy), channels, attempts)
    return decide_phase(steps, policy, present=present, in_flight=in_flight)


def exhausted(channel: str) -> list[Attempt]:
    return [failure(channel, number) for number in (1, 2, 3)]


def refused(channel: str) -> Attempt:
    return failure(channel, permanent=True)


@pytest.mark.parametrize("present", [Phase.PENDING, Phase.SENDING, Phase.RETRYING])
def test_all_channels_succeeded_is_sent(present: Phase) -> None:
    assert decision(success("a"), success("b"), present=present) == PhaseDecision(
        phase=Phase.SENT,
        reason=Reason.ALL_DELIVERIES_SUCCEEDED,
        message="Successfully delivered to 2 channel(s)",
    )


def test_recovered_channel_counts_as_succeeded() -> None:
    assert decision(failure("a", 1), success("a", 2), channels=("a",)).phase is Phase.SENT


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ([refused("b")], "Delivered to 1 of 2 channel(s); b failed permanently"),
        (exhausted("b"), "Delivered to 1 of 2 channel(s); b failed after 3 of 3 attempts"),
    ],
)
def test_some_channels_succeeded_and_no_attempt_left_is_partially_sent(
    lost: list[Attempt], message: str
) -> None:
    assert decision(success("a"), *lost) == PhaseDecision(
        phase=Phase.PARTIALLY_SENT, reason=Reason.PARTIAL_DELIVERY_SUCCESS, message=message
    )


def test_all_channels_refused_is_failed() -> None:
    assert decision(refused("a"), refused("b")) == PhaseDecision(
        phase=Phase.FAILED,
        reason=Reason.ALL_DELIVERIES_FAILED,
        message="Not delivered; a, b failed permanently",
    )


@pytest.mark.parametrize("other", [exhausted("b"), [refused("b")]])
def test_any_channel_exhausted_is_failed_by_exhaustion(other: list[Attempt]) -> None:
    result = decision(*exhausted("a"), *other)
    assert (result.phase, result.reason) == (Phase.FAILED, Reason.MAX_RETRIES_EXHAUSTED)
    assert "a" in result.message
    assert "failed after 3 of 3 attempts" in result.message


def test_phase_is_final_with_the_last_attempt() -> None:
    assert decision(failure("a", 1), failure("a", 2), channels=("a",)).phase is Phase.SENDING
    assert decision(*exhausted("a"), channels=("a",)).phase is Phase.FAILED
    once = RetryPolicy(max_attempts=1)
    assert decision(success("a"), failure("b"), policy=once).phase is Phase.PARTIALLY_SENT


def test_one_succeeded_and_another_backing_off_is_retrying() -> None:
    assert decision(success("a"), failure("b")) == PhaseDecision(
        phase=Phase.RETRYING,
        reason=Reason.PARTIAL_FAILURE_RETRYING,
        message="Delivered to 1 of 2 channel(s); retrying b",
    )


def test_retrying_is_kept_while_the_next_attempt_runs() -> None:
    not_attempted = decision(success("a"), present=Phase.RETRYING, in_flight=frozenset({"b"}))
    assert not_attempted.phase is Phase.RETRYING
    assert decision(success("a"), failure("b"), present=Phase.RETRYING, in_flight=frozenset({"b"})).phase is (
        Phase.RETRYING
    )


def test_no_channel_succeeded_and_attempts_left_is_sending() -> None:
    assert decision(failure("a"), refused("b"), present=Phase.SENDING) == PhaseDecision(
        phase=Phase.SENDING,
        reason=Reason.PROCESSING_DELIVERIES,
        message="Not delivered yet; retrying a",
    )


def test_running_first_attempt_is_sending() -> None:
    assert decision(in_flight=frozenset({"a", "b"})) == PhaseDecision(
        phase=Phase.SENDING, reason=Reason.PROCESSING_DELIVERIES, message="Delivering to a, b"
    )


def test_one_succeeded_and_another_not_attempted_is_sending() -> None:
    assert decision(success("a"), in_flight=frozenset({"b"})).message == "Delivering to b"


def test_no_attempt_is_pending() -> None:
    assert decision() == PhaseDecision(
        phase=Phase.PENDING, reason=Reason.INITIALIZED, message="Waiting for the first delivery attempt"
    )


@pytest.mark.parametrize("policy", [THREE, RetryPolicy(max_attempts=1)])
def test_one_refused_and_another_not_attempted_is_sending(policy: RetryPolicy) -> None:
    """As after a stop that cancelled the first attempt of the other channel: the refusal must be recorded."""
    lost = refused("a") if policy is THREE else failure("a")
    assert decision(lost, policy=policy) == PhaseDecision(
        phase=Phase.SENDING, reason=Reason.PROCESSING_DELIVERIES, message="Delivering to b"
    )


def test_message_names_the_limit_of_the_policy() -> None:
    assert FAST.max_attempts == 5
    assert (
        "after 5 of 5 attempts"
        in decision(*[failure("a", n) for n in range(1, 6)], channels=("a",), policy=FAST).message
    )


def test_route_without_targets_is_pending() -> None:
    assert decision(channels=()).phase is Phase.PENDING


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (Reason.CHANNEL_NOT_ALLOWED, "Not delivered; the namespace may not use a, b"),
        (
            Reason.RECEIVER_NOT_ALLOWED,
            "Not delivered; a, b may not be used by this namespace or for this recipient",
        ),
        (
            Reason.NO_DEFAULT_RECEIVER,
            "Not delivered; a, b is not configured, and no receiver of this type is the default",
        ),
    ],
)
def test_reason_that_all_targets_share_is_that_of_the_phase(reason: Reason, message: str) -> None:
    attempts = [replace(refused(channel), reason=reason) for channel in "ab"]
    result = decision(*attempts)
    assert (result.phase, result.reason, result.message) == (Phase.FAILED, reason, message)
    assert decision(attempts[0], refused("b")).reason is Reason.ALL_DELIVERIES_FAILED


def test_receiver_that_never_became_ready_is_the_reason() -> None:
    attempts = [replace(each, reason=Reason.RECEIVER_NOT_READY) for each in exhausted("a")]
    result = decision(*attempts, channels=("a",))
    assert (result.reason, result.message) == (
        Reason.RECEIVER_NOT_READY,
        "Not delivered; a failed after 3 of 3 attempts",
    )


@pytest.mark.parametrize(("cap", "limit"), [(1, 1), (2, 2), (9, 3), (None, 3)])
def test_message_names_the_smaller_limit_of_policy_and_receiver(cap: int | None, limit: int) -> None:
    route = Route(targets=("a",), rules={"a": TargetRules(max_attempts=cap)})
    attempts = [failure("a", number) for number in range(1, limit + 1)]
    steps = progress(
        Situation(now=START, notification=holding(notification("a", retry=THREE), attempts), route=route)
    )
    caps = {"a": cap} if cap else {}
    result = decide_phase(steps, THREE, present=Phase.SENDING, in_flight=frozenset(), caps=caps)
    assert (result.phase, result.message) == (
        Phase.FAILED,
        f"Not delivered; a failed after {limit} of {limit} attempts",
    )
    fewer = progress(
        Situation(now=START, notification=holding(notification("a", retry=THREE), attempts[:-1]), route=route)
    )
    assert fewer[0].open


def test_notification_that_nobody_gets_any_more_is_dead_lettered() -> None:
    for attempts, expected in (
        ([refused("a"), refused("b")], True),
        ([success("a"), refused("b")], True),
        ([success("a"), success("b")], False),
        ([success("a"), failure("b")], False),
        ([], False),
    ):
        result = decision(*attempts)
        conditions = dead_letter_condition(result)
        assert [(each.type, each.status, each.reason, each.message) for each in conditions] == (
            [("DeadLettered", "True", result.reason, result.message)] if expected else []
        )


def test_reasons_of_dead_letters_are_those_that_a_phase_can_have() -> None:
    never_final = {Reason.INITIALIZED, Reason.PROCESSING_DELIVERIES, Reason.PARTIAL_FAILURE_RETRYING}
    without_loss = {
        Reason.ONLY_LOGGED,
        Reason.ALL_DELIVERIES_SUCCEEDED,
        Reason.DELIVERED_BY_FALLBACK,
        Reason.MUTED,
        Reason.RATE_LIMITED,
        Reason.INCIDENT_RESOLVED,
        Reason.INCIDENT_REOPENED,
        Reason.DELETED,
    }
    assert set(DEAD_LETTER_REASONS) == set(Reason) - never_final - without_loss
