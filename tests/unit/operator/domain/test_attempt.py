"""Attempts as the status holds them."""

from dataclasses import replace
from typing import Any

import pytest

from notification_contract import bounds
from notification_domain.attempt import dump_attempt, parse_attempt
from notification_domain.json_values import EARLIEST_TIME
from tests.unit.operator.domain.builders import circuit_open, failure, success

ENTRY: dict[str, Any] = {
    "channel": "slack/team",
    "attempt": 1,
    "timestamp": "2026-03-01T12:00:00.000000Z",
    "status": "failed",
}


@pytest.mark.parametrize(
    "attempt",
    [
        success("slack"),
        failure("slack", 2, permanent=True),
        failure("slack", retry_after=7),
        circuit_open("slack", 3),
        replace(failure("slack"), error=None, reason="ReceiverNotReady"),
        replace(success("email/smtp#1f3a9c20"), message_ref="<id@example.com>", note="the template failed"),
        replace(
            success("slack/team"),
            message_ref="C1/1.2",
            thread_ref="C1/1.1",
            receiver_revision="0123456789abcdef",
        ),
    ],
)
def test_reading_and_writing_are_inverse(attempt: Any) -> None:
    assert parse_attempt(dump_attempt(attempt)) == attempt


@pytest.mark.parametrize(
    "change",
    [
        {"channel": ""},
        {"channel": 7},
        {"channel": "x" * 254},
        {"attempt": 0},
        {"attempt": -1},
        {"attempt": 2**31},
        {"attempt": "1"},
        {"attempt": None},
        {"status": "Success"},
        {"status": None},
    ],
    ids=str,
)
def test_entry_without_identity_or_result_is_no_attempt(change: dict[str, Any]) -> None:
    assert parse_attempt(ENTRY) is not None
    assert parse_attempt(ENTRY | change) is None


def test_value_that_is_no_object_is_no_attempt() -> None:
    assert parse_attempt("slack") is None


def test_attempt_without_a_time_is_long_past() -> None:
    attempt = parse_attempt(ENTRY | {"timestamp": "soon"})
    assert attempt is not None
    assert (attempt.timestamp, attempt.ended) == (EARLIEST_TIME, EARLIEST_TIME)


def test_texts_of_another_writer_are_cut_to_their_bounds() -> None:
    attempt = parse_attempt(
        ENTRY | {"messageRef": "r" * 9999, "receiverRevision": "v" * 99, "note": "n" * 9999, "error": 7}
    )
    assert attempt is not None
    assert (len(attempt.message_ref), len(attempt.receiver_revision), len(attempt.note)) == (
        bounds.MESSAGE_REF,
        bounds.RECEIVER_REVISION,
        bounds.NOTE,
    )
    assert attempt.error is None


def test_only_what_is_set_is_written() -> None:
    assert dump_attempt(replace(failure("slack"), error=None)) == ENTRY | {
        "channel": "slack",
        "durationSeconds": 0.5,
    }
