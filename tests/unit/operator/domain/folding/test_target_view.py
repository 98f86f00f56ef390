"""`status.targets`: what people see of each target, recounted from its attempts."""

from dataclasses import replace

import pytest

from notification_contract.kinds.choices import TargetReason, TargetState
from notification_domain.folding.outcome import (
    MAX_ERROR,
    STATES,
    target_statuses,
    with_suppressions,
)
from notification_domain.model import Attempt
from notification_domain.planning.hold import Hold, HoldReason
from notification_domain.planning.progress import Progress, State
from notification_domain.status import TargetStatus
from tests.unit.operator.domain.builders import at, circuit_open, failure, notification, success, with_status

NONE: frozenset[str] = frozenset()


def entry(
    state: State,
    *attempts: Attempt,
    running: frozenset[str] = NONE,
    reason: str = "",
    rejected: bool = False,
    held: HoldReason | None = None,
) -> TargetStatus:
    step = Progress(channel="slack", state=state, next_number=1, reason=reason, circuit_open=rejected)
    holds = {"slack": Hold(until=at(9), reason=held)} if held else {}
    [result] = target_statuses([step], attempts, running=running, holds=holds)
    return result


def test_every_state_of_a_target_is_shown() -> None:
    assert set(STATES) == set(State)
    assert {*STATES.values(), TargetState.DELIVERING} == set(TargetState)


@pytest.mark.parametrize("state", State)
def test_only_an_open_target_with_a_running_attempt_is_delivering(state: State) -> None:
    running = frozenset({"slack"})
    is_open = state in {State.NOT_ATTEMPTED, State.BACKING_OFF}
    assert entry(state, running=running).state is (TargetState.DELIVERING if is_open else STATES[state])
    assert entry(state, running=frozenset({"file"})).state is STATES[state]


def test_delivered_target_shows_when_and_what() -> None:
    delivered = replace(success("slack", 2, seconds=3), message_ref="C1/17", note="the template failed")
    assert entry(State.SUCCEEDED, failure("slack"), delivered) == TargetStatus(
        name="slack",
        state=TargetState.DELIVERED,
        attempts=2,
        delivered_at=at(3.5),
        message_ref="C1/17",
        note="the template failed",
    )


def test_failing_target_shows_its_latest_error_within_bounds() -> None:
    latest = replace(failure("slack", 2), error="x" * 600)
    shown = entry(State.BACKING_OFF, latest, failure("slack", 1), circuit_open("file", 9))
    assert (shown.attempts, shown.last_error, shown.delivered_at) == (2, "x" * MAX_ERROR, None)


def test_failure_without_a_text_has_no_error() -> None:
    assert entry(State.BACKING_OFF, replace(failure("slack"), error=None)).last_error == ""


def test_reason_is_shown_of_a_suppressed_target_alone() -> None:
    assert entry(State.SUPPRESSED, reason="Muted").suppressed_by == "Muted"
    assert entry(State.REFUSED, reason="ReceiverNotAllowed").suppressed_by == ""


def test_waiting_target_says_what_it_waits_for() -> None:
    assert entry(State.NOT_ATTEMPTED).reason is TargetReason.QUEUED
    assert entry(State.BACKING_OFF).reason is TargetReason.BACKOFF
    assert entry(State.BACKING_OFF, rejected=True).reason is TargetReason.CIRCUIT_OPEN
    for state in (State.NOT_ATTEMPTED, State.BACKING_OFF):
        assert [entry(state, held=each).reason for each in HoldReason] == [
            TargetReason.PAUSED,
            TargetReason.RATE_LIMITED,
            TargetReason.SUSPENDED,
            TargetReason.RECEIVER_NOT_READY,
            TargetReason.WAITING_FOR_INCIDENT,
            TargetReason.WAITING_FOR_INCIDENT,
            TargetReason.WAITING_FOR_INCIDENT,
        ]


def test_failed_target_says_why_and_a_reason_that_nobody_knows_is_left_out() -> None:
    rejected = entry(State.BACKING_OFF, rejected=True, reason="ReceiverNotReady")
    assert rejected.reason is TargetReason.RECEIVER_NOT_READY
    assert entry(State.REFUSED, reason="ChannelNotAllowed").reason is TargetReason.CHANNEL_NOT_ALLOWED
    assert entry(State.BACKING_OFF, reason="Whatever").reason is TargetReason.BACKOFF
    assert entry(State.REFUSED, reason="Whatever").reason is None
    assert entry(State.EXHAUSTED).reason is None


def test_running_and_delivered_targets_have_no_reason() -> None:
    running = entry(State.BACKING_OFF, running=frozenset({"slack"}), held=HoldReason.RATE)
    assert (running.state, running.reason) == (TargetState.DELIVERING, None)
    assert entry(State.SUCCEEDED, success("slack"), reason="ReceiverNotReady").reason is None


def test_targets_are_in_the_order_of_the_route() -> None:
    steps = [Progress(channel=name, state=State.NOT_ATTEMPTED, next_number=1) for name in "cab"]
    assert [each.name for each in target_statuses(steps, [], running=NONE)] == ["c", "a", "b"]


def test_suppression_replaces_the_entry_of_its_target() -> None:
    waiting = TargetStatus(name="slack", state=TargetState.WAITING)
    other = TargetStatus(name="file", state=TargetState.WAITING)
    fresh = with_status(notification("slack", "file"), targets=(waiting, other))
    suppressed = TargetStatus(name="slack", state=TargetState.SUPPRESSED, suppressed_by="RateLimited")
    assert with_suppressions(fresh, {"slack": "RateLimited"}).status.targets == (other, suppressed)
    assert with_suppressions(fresh, {}) is fresh
