"""Test messages: past breaker and rate, to every recipient, under an id that a repeat of the request shares."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from notification_contract.kinds.choices import ReceiverTestOutcome
from notification_domain.error_text import UNEXPECTED
from notification_domain.receivers.catalog import ReceiverKey
from notification_operator.controller.receiver_tester import ReceiverTester
from notification_runtime.delivery.channel import Permanent, ReceiverError, ReceiverProblem
from tests.unit.operator.domain.receivers.entries import receiver
from tests.unit.operator.endpoints.stage import BLOCKS, Stage

AT = "2026-03-01T12:00:00Z"
HOOK = ReceiverKey("shop", "hook")


async def result_of(stage: Stage, key: ReceiverKey = HOOK) -> tuple[bool, str]:
    tester = ReceiverTester(
        lambda: stage.catalog,
        stage.endpoints,
        clock=lambda: stage.now,
        redact=lambda text: text.replace("hunter2", "[REDACTED]"),
    )
    result = await tester.test(key, AT)
    return result.outcome is ReceiverTestOutcome.SUCCEEDED, result.message


async def test_message_says_what_it_is_for() -> None:
    stage = Stage(receiver("hook"))
    assert await result_of(stage) == (True, "The receiver accepted the message")
    (sent,) = stage.creator.messages
    assert (sent.namespace, sent.name, sent.delivery_id) == ("shop", "hook", f"uid-shop-hook/test/{AT}/1")
    assert sent.content.body == f"Receiver shop/hook works. This message was requested at {AT}."


async def test_same_request_has_the_same_id() -> None:
    stage = Stage(receiver("hook"))
    await result_of(stage)
    await result_of(stage)
    assert len({message.delivery_id for message in stage.creator.messages}) == 1


async def test_open_breaker_does_not_prevent_a_test() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED), None]
    await stage.attempt("webhook/hook")
    assert await result_of(stage) == (True, "The receiver accepted the message")


async def test_every_recipient_of_the_receiver_gets_one() -> None:
    people = ["ops@example.com", "boss@example.com"]
    stage = Stage(receiver("hook", "email", block={"to": people}))
    assert (await result_of(stage))[0]
    assert [message.address for message in stage.creator.messages] == people
    assert len({message.delivery_id for message in stage.creator.messages}) == 2


async def test_receiver_without_recipients_of_its_own_cannot_be_tested() -> None:
    stage = Stage(receiver("hook", "email", block={"to": []}, recipients={"allow": ["*"]}))
    assert await result_of(stage) == (
        False,
        "the receiver lists no recipients; set email.to to test it",
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Permanent("HTTP 400 password=hunter2"), "HTTP 400 password=[REDACTED]"),
        (ReceiverError(ReceiverProblem.GONE, "HTTP 410"), "Gone: HTTP 410"),
        (ZeroDivisionError("x"), "x"),
    ],
)
async def test_failure_is_recorded_without_secrets(error: Exception, message: str) -> None:
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [error]
    assert await result_of(stage) == (False, message)


async def test_error_that_refers_to_the_log_is_there() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.scripts["hook"] = [ZeroDivisionError()]
    with capture_logs() as logs:
        assert await result_of(stage) == (False, UNEXPECTED)
    assert [entry["event"] for entry in logs] == ["channel raised an unexpected error"]


async def test_receiver_that_hangs_is_cut_off() -> None:
    stage = Stage(receiver("hook", timeout="10ms"))
    stage.creator.hanging = True
    assert await result_of(stage) == (False, "timed out after 1.01 s")


async def test_receiver_that_is_not_ready_says_why() -> None:
    stage = Stage(receiver("hook", block=BLOCKS))
    assert await result_of(stage) == (False, "webhook.urlSecretRef: Secret hook is being read")
    assert await result_of(stage, ReceiverKey("shop", "missing")) == (False, "the receiver has no valid spec")
