"""Group error: how failures surface in the status, and what they leave untouched."""

import json

import pytest

from tests.harness.cluster import Object
from tests.harness.notifications import fast, notification, slack_notification
from tests.harness.readings import counts, tries
from tests.harness.whereabouts import errors
from tests.stack.suite import Suite

MARK = "permanent failure: "
LIMIT = 2048
"""Characters of a stored error."""


def broken(suite: Suite, *actions: Object, channel: str = "file", attempts: int = 3) -> Object:
    """Create a notification for a channel that does these things, try by try."""
    obj = notification(suite.namespace, channels=[channel], retryPolicy=fast(attempts))
    suite.sink.script(suite.namespace, obj["metadata"]["name"], channel, *actions)
    return suite.create(obj)


@pytest.mark.check("error-01")
def test_a_delivery_error_is_told_with_code_and_answer(served: Suite) -> None:
    down = slack_notification(served.namespace, retryPolicy=fast(2))
    refused = slack_notification(served.namespace, retryPolicy=fast(2))
    served.slack.answer(down, {"code": 503, "body": "the workspace is down"})
    served.slack.answer(refused, {"code": 401, "body": "invalid_auth"})
    served.create(down)
    served.create(refused)

    status = served.status(down, "Failed", within=30)
    assert status["reason"] == "MaxRetriesExhausted"
    assert counts(status) == (0, 1, 2)
    assert tries(status) == [("slack", 1, "failed"), ("slack", 2, "failed")]
    for error in errors(status):
        assert "503" in error
        assert "the workspace is down" in error
    assert status["message"]

    status = served.status(refused, "Failed", within=30)
    assert status["reason"] == "AllDeliveriesFailed"
    assert counts(status) == (0, 1, 1)
    (error,) = errors(status)
    assert error.startswith(MARK)
    assert "401" in error
    assert "invalid_auth" in error


@pytest.mark.check("error-02")
def test_a_very_long_error_is_cut_with_a_mark_and_the_object_stays_small(scripted: Suite) -> None:
    obj = broken(scripted, {"do": "transient", "text": "no space ", "size": 1_000_000})

    status = scripted.status(obj, "Failed", within=30)

    assert tries(status) == [("file", number, "failed") for number in (1, 2, 3)]
    for error in errors(status):
        assert error.startswith("no space no space ")
        assert error.endswith("… [truncated from 1000000 characters]")
        assert len(error) <= LIMIT
    assert len(json.dumps(scripted.stored(obj))) < 100_000


@pytest.mark.check("error-03")
@pytest.mark.needs_pod
def test_a_delivery_that_is_broken_off_counts_for_nothing_and_is_made_again(fragile: Suite) -> None:
    obj = slack_notification(fragile.namespace, priority="low")
    fragile.slack.answer(obj, {"delay": 5}, {})
    obj = fragile.create(obj)
    fragile.status(obj, "Sending", within=5)

    fragile.operator.kill()

    broken_off = fragile.stored(obj)["status"]
    assert broken_off["phase"] == "Sending"
    assert (counts(broken_off), broken_off["deliveryAttempts"]) == ((0, 0, 0), [])
    status = fragile.status(obj, "Sent", within=60)
    assert counts(status) == (1, 0, 1)
    hits = fragile.slack.hits(obj)
    assert [hit["completed"] for hit in hits] == [False, True]
    assert hits[0]["headers"]["Idempotency-Key"] == hits[1]["headers"]["Idempotency-Key"]


@pytest.mark.check("error-04")
def test_a_receiver_that_takes_too_long_is_given_up_and_tried_again(troubled: Suite) -> None:
    obj = slack_notification(troubled.namespace, retryPolicy=fast(3))
    troubled.slack.answer(obj, {"delay": 3}, {})
    obj = troubled.create(obj)

    status = troubled.status(obj, "Sent", within=15)

    assert tries(status) == [("slack", 1, "failed"), ("slack", 2, "success")]
    given_up, _ = status["deliveryAttempts"]
    assert given_up["error"] == "timed out after 1 s"
    assert "permanent" not in given_up
    assert 1 <= given_up["durationSeconds"] < 2
    assert [hit["completed"] for hit in troubled.slack.hits(obj)] == [False, True]


@pytest.mark.check("error-05")
def test_a_channel_that_breaks_hurts_neither_the_others_nor_the_operator(scripted: Suite) -> None:
    started = scripted.metric("process_start_time_seconds")
    action = {"do": "raise", "exception": "ZeroDivisionError", "text": "a bug in the channel"}
    plain = [notification(scripted.namespace) for _ in range(4)]
    for obj in plain[:2]:
        scripted.create(obj)
    third = broken(scripted, action, channel="console")
    for obj in plain[2:]:
        scripted.create(obj)

    for obj in plain:
        assert counts(scripted.status(obj, "Sent", within=30)) == (1, 0, 1)
    status = scripted.status(third, "Failed", within=30)
    assert counts(status) == (0, 1, 1)
    assert errors(status) == [f"{MARK}ZeroDivisionError: a bug in the channel"]
    sixth = scripted.create(notification(scripted.namespace))
    assert counts(scripted.status(sixth, "Sent", within=30)) == (1, 0, 1)
    assert scripted.metric("process_start_time_seconds") == started


@pytest.mark.check("error-06")
def test_an_error_without_words_of_its_own_is_told_all_the_same(scripted: Suite) -> None:
    nothing_returned = broken(scripted, {"do": "succeed"})
    no_message = broken(scripted, {"do": "raise", "exception": "RuntimeError", "text": ""})
    cannot_be_shown = broken(scripted, {"do": "raise", "exception": "Mute"})

    assert errors(scripted.status(nothing_returned, "Sent")) == [""]
    assert errors(scripted.status(no_message, "Failed")) == [f"{MARK}RuntimeError"]
    assert errors(scripted.status(cannot_be_shown, "Failed")) == [f"{MARK}Mute (no text: __str__ failed)"]


@pytest.mark.check("error-07")
def test_an_error_in_characters_that_cannot_be_stored_is_stored_with_these_replaced(scripted: Suite) -> None:
    not_utf8 = b"caf\xe9 \xff".decode(errors="surrogateescape")
    text = f"zero \x00 bell \x07 escape \x1b[31m half \ud83d of a pair, {not_utf8} and 正常 \U0001f6a8"
    obj = broken(scripted, {"do": "raise", "exception": "ValueError", "text": text})

    status = scripted.status(obj, "Failed", within=30)

    shown = "zero � bell � escape �[31m half � of a pair, caf� � and 正常 \U0001f6a8"
    assert errors(status) == [f"{MARK}ValueError: {shown}"]


@pytest.mark.check("error-08")
def test_of_a_chain_of_errors_the_root_is_told_and_any_link_can_make_it_transient(scripted: Suite) -> None:
    root = {"exception": "OSError", "text": "connection reset by peer"}
    transient_root = {**root, "exception": "Transient"}
    chains = [
        {"exception": "Transient", "text": "could not upload", "cause": root},
        {"exception": "RuntimeError", "text": "could not upload", "cause": transient_root},
    ]
    for middle in chains:
        outer = {"do": "raise", "exception": "ValueError", "text": "delivery broke", "cause": middle}
        obj = broken(scripted, outer, {"do": "succeed"})

        status = scripted.status(obj, "Sent", within=30)

        assert tries(status) == [("file", 1, "failed"), ("file", 2, "success")]
        assert "permanent" not in status["deliveryAttempts"][0]
        assert "connection reset by peer" in errors(status)[0]
        assert not errors(status)[0].startswith(MARK)


@pytest.mark.check("error-09")
def test_the_errors_of_many_notifications_stay_with_their_own(scripted: Suite) -> None:
    objects = [notification(scripted.namespace) for _ in range(20)]
    names = [obj["metadata"]["name"] for obj in objects]
    for name in names[1::2]:
        scripted.sink.script(
            scripted.namespace, name, "console", {"do": "permanent", "text": f"no {name}, sorry"}
        )
    for obj in objects:
        scripted.create(obj)

    for obj in objects[0::2]:
        assert errors(scripted.status(obj, "Sent", within=60)) == [""]
    for obj, own in zip(objects[1::2], names[1::2], strict=True):
        (error,) = errors(scripted.status(obj, "Failed", within=60))
        assert [name for name in names if name in error] == [own]
