"""The progress of each channel, from its attempts alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from notification_contract.kinds.choices import Phase
from notification_domain.decisions.waits import STEADY, wait
from notification_domain.folding.fold import fold, merge_attempts
from notification_domain.model import Attempt, RetryPolicy
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import PlanReason, plan
from notification_domain.planning.progress import State, progress
from notification_domain.planning.retry import backoff, next_attempt_at
from notification_domain.routing import Route, resolve
from notification_domain.situation import Situation
from tests.unit.operator.domain.builders import (
    FAST,
    at,
    failure,
    holding,
    notification,
    progress_of,
    success,
    with_status,
)


def test_new_channel_is_due_at_once() -> None:
    [step] = progress_of(notification("slack"), ["slack"], [])
    assert (step.state, step.next_number, step.next_at, step.open) == (State.NOT_ATTEMPTED, 1, None, True)


def test_failed_channel_backs_off_until_its_next_attempt() -> None:
    failed = failure("slack", 2, seconds=7)
    [step] = progress_of(notification("slack"), ["slack"], [failure("slack", 1), failed])
    assert (step.state, step.next_number, step.open) == (State.BACKING_OFF, 3, True)
    assert step.next_at == next_attempt_at(FAST, failed, failures=2, seed="uid-1:2")


@pytest.mark.parametrize(
    ("recovered", "retry_after", "due"),
    [
        (None, None, "backoff"),
        (6, None, "backoff"),
        (8, None, "recovery"),
        (8, 0.5, "recovery"),
        (8, 20.0, "backoff"),
        (3600, None, "backoff"),
    ],
)
def test_recovery_of_the_receiver_ends_the_backoff(
    recovered: float | None, retry_after: float | None, due: str
) -> None:
    failed = replace(failure("slack", 1, seconds=7), duration=0.0, retry_after=retry_after)
    subject = notification("slack", retry=RetryPolicy(initial_backoff=30))
    [step] = progress_of(subject, ["slack"], [failed])
    recoveries = {} if recovered is None else {"slack": at(recovered)}
    found = wait(
        Situation(now=at(8), notification=subject, route=Route(targets=("slack",)), recovered=recoveries),
        step,
    )
    assert found is not None
    assert found.until == (at(recovered or 0) + STEADY if due == "recovery" else step.next_at)


@pytest.mark.parametrize(
    ("numbers", "following"), [((), 1), ((1,), 2), ((1, 2), 3), ((2,), 3), ((1, 3), 4), ((2**31 - 1,), 2)]
)
def test_next_number_is_free_and_follows_the_number_of_attempts(
    numbers: tuple[int, ...], following: int
) -> None:
    attempts = [failure("slack", number) for number in numbers]
    [step] = progress_of(notification("slack"), ["slack"], attempts)
    assert step.next_number == following


@pytest.mark.parametrize(
    ("attempts", "state"),
    [
        ([success("slack")], State.SUCCEEDED),
        ([failure("slack", 1), success("slack", 2)], State.SUCCEEDED),
        ([failure("slack", permanent=True)], State.REFUSED),
        ([failure("slack", 1), failure("slack", 2, permanent=True)], State.REFUSED),
        ([failure("slack", number) for number in range(1, 6)], State.EXHAUSTED),
        ([failure("slack", number) for number in range(1, 7)], State.EXHAUSTED),
        # What other versions may have left behind: a success beats everything, a permanent failure the rest.
        ([success("slack", 1), failure("slack", 2)], State.SUCCEEDED),
        ([failure("slack", 1, permanent=True), failure("slack", 2)], State.REFUSED),
    ],
)
def test_finished_channel_has_no_next_attempt(attempts: list[Attempt], state: State) -> None:
    [step] = progress_of(notification("slack"), ["slack"], attempts)
    assert (step.state, step.next_at, step.open) == (state, None, False)
    assert step.next_number == len(attempts) + 1


def test_limit_of_one_attempt_is_exhausted_after_one() -> None:
    once = notification("slack", retry=RetryPolicy(max_attempts=1))
    assert progress_of(once, ["slack"], [failure("slack")])[0].state is State.EXHAUSTED


def test_channels_are_independent_and_keep_their_order() -> None:
    attempts = [failure("console", 1, permanent=True), success("slack", 1), failure("file", 1)]
    steps = progress_of(notification(), ["slack", "file", "console", "log"], attempts)
    assert [(step.channel, step.state) for step in steps] == [
        ("slack", State.SUCCEEDED),
        ("file", State.BACKING_OFF),
        ("console", State.REFUSED),
        ("log", State.NOT_ATTEMPTED),
    ]


def test_order_of_attempts_does_not_matter() -> None:
    attempts = [failure("slack", 1, seconds=0), failure("slack", 2, seconds=2)]
    assert progress_of(notification(), ["slack"], attempts) == progress_of(
        notification(), ["slack"], attempts[::-1]
    )


@pytest.mark.parametrize("ahead", [61, 3_600, 86_400, 400 * 86_400])
def test_attempt_of_a_clock_that_was_ahead_waits_within_the_policy(ahead: float) -> None:
    present = notification("slack", phase=Phase.SENDING)
    route, attempts = resolve(present), (failure("slack", seconds=ahead),)
    waited, reads = 0.0, 0
    while True:
        now = at(1 + waited)
        known = merge_attempts(present, attempts)
        if plan(*follow(Situation(now=now, notification=known, route=route))).sends:
            break
        status = fold(Situation(now=now, notification=present, route=route), attempts, queued_at=at(0))
        assert status.next_attempt_at is not None
        again = fold(
            Situation(
                now=now + timedelta(seconds=0.5), notification=replace(present, status=status), route=route
            ),
            attempts,
            queued_at=at(0),
        )
        assert again == status or ahead < 2 * FAST.max_backoff, "nothing has changed, so nothing is written"
        wait = (status.next_attempt_at - now).total_seconds()
        assert 0 < wait <= FAST.max_backoff
        present, waited, reads = replace(present, status=status), waited + wait, reads + 1
    assert waited <= 2 * FAST.max_backoff
    assert reads <= 3


def test_recorded_time_of_an_earlier_attempt_does_not_shorten_the_wait() -> None:
    earlier = with_status(
        notification("slack", attempts=(failure("slack"),)), total_attempts=1, next_attempt_at=at(1)
    )
    attempts = (failure("slack", 1), failure("slack", 2, seconds=86_400))
    status = fold(
        Situation(now=at(5), notification=with_status(earlier, phase=Phase.SENDING), route=resolve(earlier)),
        attempts,
        queued_at=at(0),
    )
    assert status.next_attempt_at == at(5 + FAST.max_backoff)


def test_backoff_is_finite_after_any_number_of_failures() -> None:
    policy = RetryPolicy(max_attempts=10_000, initial_backoff=1, multiplier=10, max_backoff=480)
    assert backoff(policy, 10_000, seed="") <= policy.max_backoff


@pytest.mark.parametrize(
    "failed",
    [
        # Fewer attempts are allowed than when the running one began.
        [failure("slack", number) for number in range(1, 6)],
        # Another process has recorded the end of an attempt that it made at the same time.
        [failure("slack", permanent=True)],
    ],
)
def test_target_with_a_running_attempt_is_open(failed: list[Attempt]) -> None:
    """A final status could not record the attempt."""
    fresh = notification("slack", attempts=tuple(failed), phase=Phase.SENDING)
    route, running = resolve(fresh), frozenset({"slack"})
    [step] = progress(
        Situation(now=at(60), notification=holding(fresh, failed), route=route, running=running)
    )
    assert step.open
    assert (
        plan(*follow(Situation(now=at(60), notification=fresh, route=route, running=running))).reason
        is PlanReason.IN_FLIGHT
    )
    status = fold(Situation(now=at(60), notification=fresh, route=route, running=running), queued_at=at(0))
    assert (status.phase, status.next_attempt_at) == (Phase.SENDING, None)
