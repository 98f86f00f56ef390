"""Group channels: signatures, events, incidents and threads, by which a receiver recognizes and joins messages."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from typing import TYPE_CHECKING

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook, WebhookVerificationError

from tests.harness.notifications import addressed, fast
from tests.harness.readings import Target, targets

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers

pytestmark = pytest.mark.needs_pod


def new_key() -> str:
    """Return a signing key as Standard Webhooks writes it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


@pytest.mark.check("channels-27")
def test_signature_verifies_and_a_changed_byte_does_not(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    key = new_key()
    secret = receivers.secret({"signing-key": key})
    receiver = receivers.add("webhook", block={"signingSecretRefs": [{"name": secret}]}).ready()
    obj = addressed(receivers_operator.namespace, receiver, body="Grüße, 故障 📦")

    stored = receivers_operator.deliver(obj, "Sent", within=20)

    (hit,) = receiver.account.hits()
    body = hit["body"].encode()
    message = Webhook(key).verify(body, hit["headers"])
    assert message["type"] == "notification.trigger"
    assert message["data"]["body"] == "Grüße, 故障 📦"
    assert hit["headers"]["webhook-id"] == f"{stored['metadata']['uid']}/{receiver.key()}"
    middle = len(body) // 2
    changed = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
    for wrong in (changed, body + b" "):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(wrong, hit["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(new_key()).verify(body, hit["headers"])


@pytest.mark.check("channels-28")
def test_signature_verifies_with_both_keys_during_a_rotation(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    old, new = new_key(), new_key()
    refs = [{"name": receivers.secret({"signing-key": key})} for key in (old, new)]
    receiver = receivers.add("webhook", block={"signingSecretRefs": refs}).ready()
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)
    (during,) = receiver.account.hits()
    for key in (old, new):
        Webhook(key).verify(during["body"].encode(), during["headers"])

    receiver.patch(webhook={"signingSecretRefs": refs[1:]})
    receiver.ready()
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=20)

    after = receiver.account.hits()[-1]
    Webhook(new).verify(after["body"].encode(), after["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(after["body"].encode(), after["headers"])


@pytest.mark.check("channels-29")
def test_cloud_event_is_read_by_its_sdk(receivers_operator: OperatorUnderTest, receivers: Receivers) -> None:
    receiver = receivers.add("webhook", block={"format": "CloudEvents"}).ready()
    obj = addressed(receivers_operator.namespace, receiver)

    stored = receivers_operator.deliver(obj, "Sent", within=20)

    (hit,) = receiver.account.hits()
    event = from_http_event(HTTPMessage(hit["headers"], hit["body"].encode()), JSONFormat())
    assert event.get_specversion() == "1.0"
    assert event.get_id() == f"{stored['metadata']['uid']}/{receiver.key()}"
    assert event.get_type() == "ai.kubernaut.notification.trigger"
    namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
    assert event.get_source() == f"/namespaces/{namespace}/notificationrequests/{name}"
    assert event.get_subject() == obj["spec"]["subject"]
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["body"] == obj["spec"]["body"]


@pytest.mark.check("channels-30")
def test_headers_of_a_secret_are_sent_and_not_shown(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", secret=False)
    values = {"Authorization": f"Bearer {uuid.uuid4().hex}", "X-Team": f"team-{uuid.uuid4().hex}"}
    receiver.patch(webhook={"headersSecretRef": {"keys": [*values]}})
    receiver.set_secret(values)
    receiver.wait("ResolvedRefs", "True", "SecretFound")
    receiver.ready()
    receiver.account.answer({"code": 400, "body": " ".join(values.values())}, {})

    refused = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(1))
    status = receivers_operator.deliver(refused, "Failed", within=15)["status"]
    receivers_operator.deliver(addressed(receivers_operator.namespace, receiver), "Sent", within=15)

    for hit in receiver.account.hits():
        assert {name: hit["headers"].get(name) for name in values} == values
    for text in (json.dumps(status), json.dumps(receiver.status)):
        assert not any(value in text for value in values.values())


@pytest.mark.check("channels-31")
def test_events_of_an_incident_have_its_key(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("pagerduty").ready()
    key = f"incident-{uuid.uuid4().hex}"
    for event in ("Trigger", "Acknowledge", "Resolve"):
        obj = addressed(receivers_operator.namespace, receiver, event=event, dedupKey=key)
        receivers_operator.deliver(obj, "Sent", within=20)

    events = [hit["json"] for hit in receiver.account.hits()]
    assert [event["event_action"] for event in events] == ["trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in events} == {f"{receivers_operator.namespace}/{key}"}
    assert [hit["code"] for hit in receiver.account.hits()] == [202, 202, 202]


@pytest.mark.check("channels-32")
def test_mails_about_an_incident_are_one_thread(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("email").ready()
    key = f"incident-{uuid.uuid4().hex}"
    for changes in ({"dedupKey": key}, {"dedupKey": key, "event": "Resolve"}, {"dedupKey": f"other-{key}"}):
        obj = addressed(receivers_operator.namespace, receiver, **changes)
        receivers_operator.deliver(obj, "Sent", within=20)

    first, second, other = (mail["headers"] for mail in receiver.account.accepted(3))
    assert first["References"] == second["References"] != other["References"]
    assert len({mail["Message-ID"] for mail in (first, second, other)}) == 3


@pytest.mark.check("channels-33")
def test_break_after_the_mail_leads_to_a_repeat_under_its_id(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("email").ready()
    receiver.account.reply("DATA", "break", "250 OK")
    obj = addressed(receivers_operator.namespace, receiver, retryPolicy=fast(3))

    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]

    key = receiver.key(f"team@{receiver.account.name}.example")
    assert targets(status) == [Target(key, "Delivered", 2)]
    broken, repeated = (mail["headers"] for mail in receiver.account.mails())
    assert broken["Message-ID"] == repeated["Message-ID"]
