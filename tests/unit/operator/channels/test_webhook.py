"""Webhook: the signature by the library of Standard Webhooks, the event by that of CloudEvents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook, WebhookVerificationError

from notification_runtime.delivery.channel import InvalidOptionsError
from tests.unit.operator.channels.receivers import DELIVERY_ID, KEY, access, composer, make, message
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    import aiohttp

    from tests.unit.operator.delivery.receiving import HttpServer, Received

TEMPLATE = {"format": "Template"}
SMS_GATEWAY = ROOT / "examples" / "receivers" / "sms-gateway.yaml"
NEW_KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


async def post(
    server: HttpServer,
    session: aiohttp.ClientSession,
    *,
    keys: tuple[str, ...] = (KEY,),
    block: dict[str, Any] | None = None,
    templates: dict[str, str] | None = None,
    **changes: Any,
) -> tuple[Received, str]:
    """Deliver one message now; returns the request and the note."""
    values = {"urlSecretRef": server.url, "headersSecretRef/X-Token": "abc"}
    values |= {f"signingSecretRefs[{index}]": key for index, key in enumerate(keys)}
    way = access(session, clock=lambda: datetime.now(UTC))
    channel = make("webhook", values, way, composer(templates), **(block or {}))
    receipt = await channel.deliver(message(**changes))
    return server.received[-1], receipt.note


@pytest.mark.parametrize("key", [KEY, NEW_KEY])
async def test_signature_is_valid_for_the_old_and_the_new_key(
    server: HttpServer, session: aiohttp.ClientSession, key: str
) -> None:
    received, _ = await post(server, session, keys=(NEW_KEY, KEY))
    content = Webhook(key).verify(received.body, received.headers)
    assert content["type"] == "notification.trigger"
    assert received.headers["webhook-id"] == received.headers["Idempotency-Key"] == DELIVERY_ID


async def test_changed_byte_or_another_key_fails_the_verification(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    received, _ = await post(server, session)
    Webhook(KEY).verify(received.body, received.headers)
    changed = received.body.replace(b"order-1", b"order-2")
    for key, body, headers in (
        (KEY, changed, received.headers),
        (NEW_KEY, received.body, received.headers),
        (KEY, received.body, {**received.headers, "webhook-id": "other"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(body, headers)


async def test_webhook_without_a_key_has_no_signature(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    received, _ = await post(server, session, keys=())
    assert "webhook-signature" not in received.headers
    assert received.headers["X-Token"] == "abc"


async def test_standard_body_holds_the_message_and_no_trace_of_the_attempt(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    links = ({"service": "grafana", "url": "https://example.com/d", "label": "Dashboard"},)
    fields: dict[str, Any] = {
        "labels": {"team": "a"},
        "metadata": {"node": "7"},
        "action_links": links,
        "dedup_key": "disk",
    }
    first, _ = await post(server, session, attempt=1, format="Markdown", **fields)
    second, _ = await post(server, session, attempt=2, format="Markdown", **fields)
    assert first.body == second.body
    assert (first.headers["X-Notification-Attempt"], second.headers["X-Notification-Attempt"]) == ("1", "2")
    assert first.json == {
        "type": "notification.trigger",
        "timestamp": "2026-01-02T03:04:05.000000Z",
        "data": {
            "deliveryId": DELIVERY_ID,
            "cluster": "staging",
            "receiver": "orders",
            "namespace": "shop",
            "name": "order-1",
            "uid": "uid",
            "type": "simple",
            "priority": "high",
            "event": "Trigger",
            "dedupKey": "disk",
            "format": "Markdown",
            "subject": "Заказ 📦",
            "body": "line one\nline two",
            "metadata": {"node": "7"},
            "labels": {"team": "a"},
            "actionLinks": [{"label": "Dashboard", "url": "https://example.com/d"}],
        },
    }


async def test_cloud_event_is_read_by_its_library(server: HttpServer, session: aiohttp.ClientSession) -> None:
    received, _ = await post(server, session, block={"format": "CloudEvents"})
    event = from_http_event(HTTPMessage(received.headers, received.body), JSONFormat())
    assert event.get_specversion() == "1.0"
    assert event.get_id() == DELIVERY_ID
    assert event.get_source() == "/namespaces/shop/notificationrequests/order-1"
    assert event.get_type() == "ai.kubernaut.notification.trigger"
    assert event.get_time() == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert event.get_subject() == "Заказ 📦"
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["body"] == "line one\nline two"
    Webhook(KEY).verify(received.body, received.headers)


async def test_template_gives_the_whole_body(server: HttpServer, session: aiohttp.ClientSession) -> None:
    template = '{"text": {{ notification.subject|tojson }}, "n": {{ attempt }}}'
    received, note = await post(server, session, block=TEMPLATE, templates={"body": template}, attempt=3)
    assert (received.json, note) == ({"text": "Заказ 📦", "n": 3}, "")
    assert received.headers["Content-Type"] == "application/json"
    Webhook(KEY).verify(received.body, received.headers)


async def test_example_of_an_sms_gateway_posts_number_and_text(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    documents = list(yaml.safe_load_all(SMS_GATEWAY.read_text("utf-8")))
    (spec,) = (each["spec"] for each in documents if each["kind"] == "NotificationReceiver")
    block = {"format": spec["webhook"]["format"]}
    received, note = await post(server, session, block=block, templates=spec["template"]["inline"])
    assert (received.json, note) == ({"to": "+15550100", "text": "Заказ 📦\nline one\nline two"}, "")
    assert received.headers["Idempotency-Key"] == DELIVERY_ID


async def test_template_may_give_another_type(server: HttpServer, session: aiohttp.ClientSession) -> None:
    block = {**TEMPLATE, "contentType": "text/plain; charset=utf-8"}
    received, _ = await post(server, session, block=block, templates={"body": "<{{ notification.subject }}>"})
    assert received.body.decode() == "<Заказ 📦>"
    assert received.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("source", "note"),
    [
        (
            '{"text": "{{ notification.subject }}"}',
            "the result of the template is not JSON; the standard body was sent",
        ),
        (
            "{{ notification.missing }}",
            "the template failed, line 1: 'dict object' has no attribute 'missing'",
        ),
    ],
)
async def test_template_that_gives_no_json_is_replaced_by_the_standard_body(
    server: HttpServer, session: aiohttp.ClientSession, source: str, note: str
) -> None:
    received, shown = await post(
        server,
        session,
        block=TEMPLATE,
        templates={"body": source},
        subject='quote " and \\',
    )
    assert shown.startswith(note)
    assert received.json["data"]["subject"] == 'quote " and \\'
    assert received.json["data"]["body"] == "line one\nline two"


async def test_template_writes_a_text_into_json_by_a_filter(
    server: HttpServer, session: aiohttp.ClientSession
) -> None:
    subject = '", "admin": "yes\n\\'
    templates = {"body": '{"text": {{ notification.subject|tojson }}}'}
    received, note = await post(server, session, block=TEMPLATE, templates=templates, subject=subject)
    assert (received.json, note) == ({"text": subject}, "")


@pytest.mark.parametrize(
    ("secrets", "text"),
    [
        ({"signingSecretRefs[0]": KEY, "signingSecretRefs[1]": "whsec_???"}, "signing key 2 is not base64"),
        ({"signingSecretRefs[0]": "whsec_AAAA"}, "signing key 1 has 3 bytes; use at least 16"),
        ({"headersSecretRef/Webhook-Id": "x"}, "the header Webhook-Id is set by the operator"),
        ({"headersSecretRef/X-A": "x\r\nX-B: y"}, "contains a line break"),
        ({"headersSecretRef/X-Ä": "x"}, "is not ASCII"),
    ],
)
async def test_secret_that_cannot_be_used_is_refused_with_its_reason(
    session: aiohttp.ClientSession, secrets: dict[str, str], text: str
) -> None:
    with pytest.raises(InvalidOptionsError) as caught:
        make("webhook", {"urlSecretRef": "https://example.com/", **secrets}, access(session))
    assert text in str(caught.value)
    assert KEY not in str(caught.value)
