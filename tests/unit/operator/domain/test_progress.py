"""The progress of each channel, from its attempts alone."""

import pytest

from notification_operator.domain.model import Attempt, RetryPolicy
from notification_operator.domain.progress import State, progress
from notification_operator.domain.retry import next_attempt_at
from tests.unit.operator.domain.builders import FAST, failure, notification, success


def test_new_channel_is_due_at_once() -> None:
    [step] = progress(notification("slack"), ["slack"], [])
    assert (step.state, step.next_number, step.next_at, step.open) == (State.NOT_ATTEMPTED, 1, None, True)


def test_failed_channel_backs_off_until_its_next_attempt() -> None:
    failed = failure("slack", 2, seconds=7)
    [step] = progress(notification("slack"), ["slack"], [failure("slack", 1), failed])
    assert (step.state, step.next_number, step.open) == (State.BACKING_OFF, 3, True)
    assert step.next_at == next_attempt_at(FAST, failed, failures=2, seed="uid-1:slack:2")


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
    [step] = progress(notification("slack"), ["slack"], attempts)
    assert (step.state, step.next_at, step.open) == (state, None, False)
    assert step.next_number == len(attempts) + 1


def test_limit_of_one_attempt_is_exhausted_after_one() -> None:
    once = notification("slack", retry=RetryPolicy(max_attempts=1))
    assert progress(once, ["slack"], [failure("slack")])[0].state is State.EXHAUSTED


def test_channels_are_independent_and_keep_their_order() -> None:
    attempts = [failure("console", 1, permanent=True), success("slack", 1), failure("file", 1)]
    steps = progress(notification(), ["slack", "file", "console", "log"], attempts)
    assert [(step.channel, step.state) for step in steps] == [
        ("slack", State.SUCCEEDED),
        ("file", State.BACKING_OFF),
        ("console", State.REFUSED),
        ("log", State.NOT_ATTEMPTED),
    ]


def test_order_of_attempts_does_not_matter() -> None:
    attempts = [failure("slack", 1, seconds=0), failure("slack", 2, seconds=2)]
    assert progress(notification(), ["slack"], attempts) == progress(
        notification(), ["slack"], attempts[::-1]
    )
