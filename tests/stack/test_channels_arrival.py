"""Group channels: what reaches each service, what becomes of a refusal and of trouble, and who is at fault."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import steadily
from tests.harness.notifications import FLAT1, addressed, fast
from tests.harness.readings import Target, attempts, failed, succeeded, target, targets
from tests.harness.receiver_types import PHONE, SLACK_WEBHOOK

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod

KINDS = ("webhook", "email", "slack", "pagerduty", "teams", "sms", "discord", "mattermost")
FAULTS = {"mattermost": ("AuthenticationFailed", "NotFound")}
"""The reasons that may stand for wrong credentials, where that is not AuthenticationFailed alone."""


def each(first: int) -> pytest.MarkDecorator:
    """Give each kind a check, beginning with a number."""
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(kind, marks=pytest.mark.check(f"channels-{number:02}"), id=kind)
            for number, kind in enumerate(KINDS, start=first)
        ],
    )


def key_of(receiver: StoredReceiver) -> str:
    """Return the key of a receiver's only target."""
    own = {"email": f"team@{receiver.account.name}.example", "sms": PHONE}
    return receiver.key(own.get(receiver.kind.type, ""))


def reference(receiver: StoredReceiver, uid: str, obj: dict[str, dict[str, str]]) -> str:
    """Return what the service calls the message, empty for those that give it no name."""
    names = obj["metadata"]
    match receiver.kind.type:
        case "email":
            return str(receiver.account.mails()[-1]["headers"]["Message-ID"])
        case "slack":
            return "C0123/1716969600.000100"
        case "pagerduty":
            return f"{names['namespace']}/{names['name']}/{uid}"
        case "sms":
            return "SM0123456789abcdef0123456789abcdef"
        case "discord":
            return "1122334455667788990"
    return ""


@each(1)
def test_message_arrives_whole_with_its_origin(
    receivers_operator: OperatorUnderTest, receivers: Receivers, kind: str
) -> None:
    receiver = receivers.add(kind).ready()
    obj = addressed(receivers_operator.namespace, receiver)

    stored = receivers_operator.deliver(obj, "Sent", within=20)

    (arrival,) = receiver.kind.arrivals(receiver.account)
    # Some services get the characters of their markup escaped.
    text = arrival.text.replace("\\", "")
    for expected in (obj["spec"]["subject"], obj["spec"]["body"], *obj["metadata"]["namespace"].split("-")):
        assert expected in text
    assert obj["metadata"]["name"] in text
    key, status = key_of(receiver), stored["status"]
    assert attempts(status) == [succeeded(key, 1)]
    assert targets(status) == [Target(key, "Delivered", 1)]
    assert target(status, key)["deliveredAt"]
    assert target(status, key).get("messageRef", "") == reference(receiver, stored["metadata"]["uid"], obj)


@each(9)
def test_refusal_ends_at_once_and_trouble_is_repeated_under_one_handle(
    receivers_operator: OperatorUnderTest, receivers: Receivers, kind: str
) -> None:
    receiver = receivers.add(kind).ready()
    key = key_of(receiver)
    receiver.kind.script(receiver.account, "refused")
    refused = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))
    status = receivers_operator.deliver(refused, "Failed", within=15)["status"]
    assert attempts(status) == [failed(key, 1)]
    assert targets(status) == [Target(key, "Refused", 1)]
    before = len(receiver.kind.arrivals(receiver.account))

    receiver.kind.script(receiver.account, "trouble", "accepted")
    repeated = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))
    status = receivers_operator.deliver(repeated, "Sent", within=20)["status"]

    assert attempts(status) == [failed(key, 1), succeeded(key, 2)]
    assert targets(status) == [Target(key, "Delivered", 2)]
    first, second = receiver.kind.arrivals(receiver.account)[before:]
    assert first.handle == second.handle != ""


@each(17)
def test_wrong_credentials_are_the_fault_of_the_receiver(
    receivers_operator: OperatorUnderTest, receivers: Receivers, kind: str
) -> None:
    receiver = receivers.add(kind).ready()
    receiver.account.expect("0123456789abcdef0123456789abcdef")
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))

    status = receivers_operator.deliver(obj, "Failed", within=15)["status"]

    key = key_of(receiver)
    assert targets(status) == [Target(key, "Refused", 1)]
    healthy = receiver.wait("Healthy", "False")
    assert healthy["reason"] in FAULTS.get(kind, ("AuthenticationFailed",))
    assert receiver.status["consecutiveFailures"] >= 1
    assert receiver.condition("Ready")["status"] == "True"
    for text in (json.dumps(status), json.dumps(receiver.status)):
        assert receiver.credential not in text

    receiver.account.expect(receiver.credential)
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)
    receiver.wait("Healthy", "True", "Delivering")


@pytest.mark.check("channels-25")
def test_webhook_url_leads_to_slack_and_its_refusal_ends_at_once(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(SLACK_WEBHOOK).ready()
    obj = addressed(receivers_operator.namespace, receiver)
    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]
    assert targets(status) == [Target(receiver.key(), "Delivered", 1)]
    (hit,) = receiver.account.hits()
    assert (hit["kind"], hit["code"]) == ("slack-webhook", 200)
    assert obj["spec"]["subject"] in hit["body"]

    receiver.account.answer({"code": 400, "body": "invalid_blocks"})
    refused = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))
    status = receivers_operator.deliver(refused, "Failed", within=15)["status"]
    assert targets(status) == [Target(receiver.key(), "Refused", 1)]
    assert "invalid_blocks" in target(status, receiver.key())["lastError"]


@pytest.mark.check("channels-26")
def test_delivery_id_is_the_same_after_the_operator_was_killed(stoppable_operator: OperatorUnderTest) -> None:
    with stoppable_operator.receivers() as receivers:
        receiver = receivers.add("webhook").ready()
        receiver.account.answer({"never": True}, {})
        obj = addressed(stoppable_operator.namespace, receiver)
        stoppable_operator.create(obj)
        receiver.account.hit()

        stoppable_operator.workload.kill()

        status = stoppable_operator.status(obj, "Sent", within=60)
        assert targets(status) == [Target(receiver.key(), "Delivered", 1)]
        interrupted, repeated = receiver.kind.arrivals(receiver.account)
        assert interrupted.handle == repeated.handle != ""


@pytest.mark.check("channels-43")
def test_text_message_of_unknown_outcome_is_not_repeated(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("sms").ready()
    receiver.account.answer({"drop": True}, {})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))

    status = receivers_operator.deliver(obj, "Failed", within=15)["status"]

    assert targets(status) == [Target(key_of(receiver), "Refused", 1)]
    assert "may have got the message already" in target(status, key_of(receiver))["lastError"]
    steadily(receiver.account.hits, lambda hits: len(hits) == 1, during=3)


@pytest.mark.check("channels-47")
def test_phone_gets_critical_and_high_messages_alone_by_default(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("sms", priorities=None, rateLimit=None).ready()
    muted = receivers_operator.deliver(
        addressed(receivers_operator.namespace, receiver, priority="medium"), "Suppressed"
    )
    assert "Muted" in muted["status"]["message"]
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver, priority="high"), "Sent")
    assert len(receiver.account.hits()) == 1


@pytest.mark.check("channels-42")
def test_redirect_is_not_followed(receivers_operator: OperatorUnderTest, receivers: Receivers) -> None:
    receiver, elsewhere = receivers.add("webhook").ready(), receivers.account()
    receiver.account.answer({"code": 302, "headers": {"Location": f"{elsewhere.url}/webhook"}})
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)

    status = receivers_operator.deliver(obj, "Failed", within=15)["status"]

    assert "302" in target(status, receiver.key())["lastError"]
    assert len(receiver.account.hits()) == 1
    assert elsewhere.hits() == []
