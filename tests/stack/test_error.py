"""Group error: how failures appear in the status, and what they do not affect."""

import json

import pytest

from notification_contract.settings.delivery import Delivery
from notification_domain.error_text import UNEXPECTED
from tests.harness.cluster import Object
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.readings import Counts, attempts, counts, errors, failed, succeeded

MARK = "permanent failure: "
LIMIT = 2048
"""The length of a stored error, in characters."""


def broken(operator: OperatorUnderTest, *actions: Object, channel: str = "file", attempts: int = 3) -> Object:
    """Create a notification for a channel with these actions, one per attempt."""
    obj = notification(operator.namespace, channels=[channel], retryPolicy=fast(attempts))
    operator.sink.script(operator.namespace, obj["metadata"]["name"], channel, *actions)
    return operator.create(obj)


@pytest.mark.check("error-01")
def test_delivery_error_in_status_has_code_and_response_body(shipped_operator: OperatorUnderTest) -> None:
    down = slack_notification(shipped_operator.namespace, retryPolicy=fast(2))
    refused = slack_notification(shipped_operator.namespace, retryPolicy=fast(2))
    shipped_operator.slack.answer(down, {"code": 503, "body": "the workspace is down"})
    shipped_operator.slack.answer(refused, {"code": 401, "body": "invalid_auth"})
    shipped_operator.create(down)
    shipped_operator.create(refused)

    status = shipped_operator.status(down, "Failed", within=30)
    assert status["reason"] == "MaxRetriesExhausted"
    assert counts(status) == Counts(delivered=0, failed=1, attempts=2)
    assert attempts(status) == [failed("slack", 1), failed("slack", 2)]
    for error in errors(status):
        assert "503" in error
        assert "the workspace is down" in error
    assert status["message"]

    status = shipped_operator.status(refused, "Failed", within=30)
    assert status["reason"] == "AllDeliveriesFailed"
    assert counts(status) == Counts(delivered=0, failed=1, attempts=1)
    (error,) = errors(status)
    assert error.startswith(MARK)
    assert "401" in error
    assert "invalid_auth" in error


@pytest.mark.check("error-02")
def test_long_error_is_truncated_with_a_marker(scripted_operator: OperatorUnderTest) -> None:
    obj = broken(scripted_operator, {"do": "transient", "text": "no space ", "size": 1_000_000})

    status = scripted_operator.status(obj, "Failed", within=30)

    assert attempts(status) == [failed("file", number) for number in (1, 2, 3)]
    for error in errors(status):
        assert error.startswith("no space no space ")
        assert error.endswith("… [truncated from 1000000 characters]")
        assert len(error) <= LIMIT
    assert len(json.dumps(scripted_operator.stored(obj))) < 100_000


@pytest.mark.check("error-03")
@pytest.mark.needs_pod
def test_interrupted_delivery_is_not_recorded_and_is_repeated(stoppable_operator: OperatorUnderTest) -> None:
    obj = slack_notification(stoppable_operator.namespace, priority="low")
    # Without an answer: however long the kill takes, the delivery still runs.
    stoppable_operator.slack.answer(obj, {"never": True}, {})
    obj = stoppable_operator.create(obj)
    stoppable_operator.slack.hit(obj)
    stoppable_operator.status(obj, "Sending", within=5)

    stoppable_operator.workload.kill()

    broken_off = stoppable_operator.stored(obj)["status"]
    assert broken_off["phase"] == "Sending"
    assert (counts(broken_off), broken_off["deliveryAttempts"]) == (
        Counts(delivered=0, failed=0, attempts=0),
        [],
    )
    status = stoppable_operator.status(obj, "Sent", within=60)
    assert counts(status) == Counts(delivered=1, failed=0, attempts=1)
    hits = stoppable_operator.slack.hits(obj)
    assert [hit["completed"] for hit in hits] == [False, True]
    assert hits[0]["headers"]["Idempotency-Key"] == hits[1]["headers"]["Idempotency-Key"]


@pytest.mark.check("error-04")
def test_slow_receiver_times_out_and_is_retried(proxied_operator: OperatorUnderTest) -> None:
    limit = Delivery().timeout_seconds
    delay = limit + 5
    obj = slack_notification(proxied_operator.namespace, retryPolicy=fast(3))
    proxied_operator.slack.answer(obj, {"delay": delay}, {})
    obj = proxied_operator.create(obj)

    status = proxied_operator.status(obj, "Sent", within=delay + 15)

    assert attempts(status) == [failed("slack", 1), succeeded("slack", 2)]
    given_up, _ = status["deliveryAttempts"]
    assert given_up["error"] == f"timed out after {limit:.0f} s"
    assert "permanent" not in given_up
    assert limit <= given_up["durationSeconds"] < delay
    assert [hit["completed"] for hit in proxied_operator.slack.hits(obj)] == [False, True]


@pytest.mark.check("error-05")
def test_crashing_channel_affects_neither_other_channels_nor_operator(
    scripted_operator: OperatorUnderTest,
) -> None:
    started = scripted_operator.metric("process_start_time_seconds")
    action = {"do": "raise", "exception": "ZeroDivisionError", "text": "a bug in the channel"}
    plain = [notification(scripted_operator.namespace) for _ in range(4)]
    for obj in plain[:2]:
        scripted_operator.create(obj)
    third = broken(scripted_operator, action, channel="console")
    for obj in plain[2:]:
        scripted_operator.create(obj)

    for obj in plain:
        assert counts(scripted_operator.status(obj, "Sent", within=30)) == Counts(
            delivered=1, failed=0, attempts=1
        )
    status = scripted_operator.status(third, "Failed", within=30)
    assert counts(status) == Counts(delivered=0, failed=1, attempts=1)
    assert errors(status) == [f"{MARK}a bug in the channel"]
    sixth = scripted_operator.create(notification(scripted_operator.namespace))
    assert counts(scripted_operator.status(sixth, "Sent", within=30)) == Counts(
        delivered=1, failed=0, attempts=1
    )
    assert scripted_operator.metric("process_start_time_seconds") == started


@pytest.mark.check("error-06")
def test_error_without_text_refers_to_the_log(scripted_operator: OperatorUnderTest) -> None:
    nothing_returned = broken(scripted_operator, {"do": "succeed"})
    no_message = broken(scripted_operator, {"do": "raise", "exception": "RuntimeError", "text": ""})
    cannot_be_shown = broken(scripted_operator, {"do": "raise", "exception": "Mute"})

    assert errors(scripted_operator.status(nothing_returned, "Sent")) == [""]
    for obj in (no_message, cannot_be_shown):
        assert errors(scripted_operator.status(obj, "Failed")) == [f"{MARK}{UNEXPECTED}"]


@pytest.mark.check("error-07")
def test_error_with_unstorable_characters_is_stored_with_replacements(
    scripted_operator: OperatorUnderTest,
) -> None:
    not_utf8 = b"caf\xe9 \xff".decode(errors="surrogateescape")
    text = f"zero \x00 bel \x07 escape \x1b[31m half \ud83d of a pair, {not_utf8} and 正常 \U0001f6a8"
    obj = broken(scripted_operator, {"do": "raise", "exception": "ValueError", "text": text})

    status = scripted_operator.status(obj, "Failed", within=30)

    shown = "zero � bel � escape �[31m half � of a pair, caf� � and 正常 \U0001f6a8"
    assert errors(status) == [f"{MARK}{shown}"]


@pytest.mark.check("error-08")
def test_error_chain_reports_the_root_and_any_link_makes_it_transient(
    scripted_operator: OperatorUnderTest,
) -> None:
    root = {"exception": "OSError", "text": "connection reset by peer"}
    transient_root = {**root, "exception": "Transient"}
    chains = [
        {"exception": "Transient", "text": "could not upload", "cause": root},
        {"exception": "RuntimeError", "text": "could not upload", "cause": transient_root},
    ]
    for middle in chains:
        outer = {"do": "raise", "exception": "ValueError", "text": "delivery broke", "cause": middle}
        obj = broken(scripted_operator, outer, {"do": "succeed"})

        status = scripted_operator.status(obj, "Sent", within=30)

        assert attempts(status) == [failed("file", 1), succeeded("file", 2)]
        assert "permanent" not in status["deliveryAttempts"][0]
        assert "connection reset by peer" in errors(status)[0]
        assert not errors(status)[0].startswith(MARK)


@pytest.mark.check("error-09")
def test_errors_of_many_notifications_are_not_mixed(scripted_operator: OperatorUnderTest) -> None:
    objects = [notification(scripted_operator.namespace) for _ in range(20)]
    names = [obj["metadata"]["name"] for obj in objects]
    for name in names[1::2]:
        scripted_operator.sink.script(
            scripted_operator.namespace, name, "console", {"do": "permanent", "text": f"no {name}, sorry"}
        )
    for obj in objects:
        scripted_operator.create(obj)

    for obj in objects[0::2]:
        assert errors(scripted_operator.status(obj, "Sent", within=60)) == [""]
    for obj, own in zip(objects[1::2], names[1::2], strict=True):
        (error,) = errors(scripted_operator.status(obj, "Failed", within=60))
        assert [name for name in names if name in error] == [own]
