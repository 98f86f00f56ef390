"""The inbox of `make demo`: the operator's own channels deliver to it, and it shows what arrived, safely."""

from __future__ import annotations

import asyncio
import base64
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from examples.demo.inbox import smtp
from examples.demo.inbox.mailbox import REMEMBERED, Mailbox
from examples.demo.inbox.pages import Pages
from examples.demo.inbox.signature import NotVerifiedError, verify
from notification_contract.kinds.choices import LifecycleEvent
from notification_runtime.delivery.channel import DeliveryError, ReceiverError, ReceiverProblem
from notification_runtime.delivery.http.egress_guard import guarded_session
from tests.harness.authority import Authority
from tests.unit.operator.channels.receivers import LOOPBACK, access, make, message, own_connections

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from notification_runtime.delivery.channel import Message

KEY = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
PASSWORD = secrets.token_urlsafe(16)
NOW = datetime.now(UTC)


@dataclass(kw_only=True)
class Inbox:
    """A running inbox."""

    mailbox: Mailbox
    server: TestServer
    mail_port: int
    trust: ssl.SSLContext

    async def mail(self, sent: Message | None = None, *, password: str = PASSWORD) -> None:
        values = {"authSecretRef/username": "demo", "authSecretRef/password": password}
        fields = {"host": "127.0.0.1", "port": self.mail_port, "security": "TLS"}
        way = own_connections(clock=lambda: NOW, tls=self.trust, timeout=10)
        channel = make("email", values, way, **fields, **{"from": "operator@example.com"})
        await channel.deliver(replace(sent or message(), address="you@example.com"))

    async def webhook(self, sent: Message | None = None, *, key: str = KEY, path: str = "/webhook") -> None:
        values = {"urlSecretRef": str(self.server.make_url(path)), "signingSecretRefs[0]": key}
        async with guarded_session(LOOPBACK, connections=2) as session:
            way = replace(access(session), clock=lambda: datetime.now(UTC))
            await make("webhook", values, way).deliver(sent or message())

    async def page(self, path: str) -> tuple[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(self.server.make_url(path)) as answer:
            return await answer.text(), answer.headers


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Inbox]:
    mailbox, authority = Mailbox(), Authority(tmp_path)
    server = TestServer(Pages(mailbox, key=KEY).application())
    await server.start_server()

    def accept(envelope: smtp.Envelope, content: bytes) -> None:
        mailbox.add_mail(
            content, sender=envelope.sender, recipient=envelope.recipient, user=envelope.user, at=NOW
        )

    login = smtp.Login(username="demo", password=PASSWORD)
    mail = await smtp.listen("127.0.0.1", 0, authority.identity("inbox"), login, accept)
    port = mail.sockets[0].getsockname()[1]
    yield Inbox(mailbox=mailbox, server=server, mail_port=port, trust=authority.trust())
    mail.close()
    await server.close()


async def failure(sending: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sending
    return caught.value


async def test_mail_of_the_operator_is_shown_as_it_looks(inbox: Inbox) -> None:
    await inbox.mail(message(subject="disk", body=".dot\n..dots\n**full**", format="Markdown"))
    (mail,) = inbox.mailbox.newest_first()
    assert (mail.subject, mail.sender, mail.recipient) == (
        "[high] disk",
        "operator@example.com",
        "you@example.com",
    )
    assert ".dot\n..dots\nfull" in mail.text
    assert "<strong>full</strong>" in mail.html
    assert mail.trusted
    page, _ = await inbox.page("/messages/1")
    assert 'iframe sandbox="allow-popups"' in page
    assert "&lt;strong&gt;full&lt;/strong&gt;" in page
    assert "sent over TLS by demo, with its password" in page


async def test_wrong_password_is_refused(inbox: Inbox) -> None:
    error = await failure(inbox.mail(password="another"))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.AUTHENTICATION_FAILED
    assert inbox.mailbox.newest_first() == []


async def test_mail_server_accepts_nothing_without_a_login(inbox: Inbox) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", inbox.mail_port, ssl=inbox.trust)
    lines = [
        b"EHLO x",
        b"MAIL FROM:<a@b>",
        b"AUTH PLAIN =",
        b"AUTH PLAIN",
        b"DATA",
        b"SING",
        b"NOOP",
        b"QUIT",
    ]
    writer.write(b"".join(line + b"\r\n" for line in lines))
    answers = (await reader.read(-1)).decode().splitlines()
    writer.close()
    codes = [answer[:3] for answer in answers if answer[3:4] == " "]
    assert codes == ["220", "250", "530", "535", "535", "530", "530", "250", "221"]


async def test_large_mail_and_several_mails_arrive_whole(inbox: Inbox) -> None:
    for body in ("x" * 300_000, "second"):
        await inbox.mail(message(body=body))
    second, first = inbox.mailbox.newest_first()
    assert first.text.count("x") >= 300_000
    assert "second" in second.text


async def test_webhook_of_the_operator_is_verified(inbox: Inbox) -> None:
    await inbox.webhook(message(subject="disk", body="full"))
    (received,) = inbox.mailbox.newest_first()
    assert received.trusted
    assert received.verdict.startswith("signature verified, message 3f0c2a1b-uid")
    assert (received.subject, received.sender, received.recipient) == ("disk", "shop/order-1", "orders")
    page, _ = await inbox.page("/")
    assert "✓ signature verified" in page
    assert 'href="messages/1"' in page
    summaries, headers = await inbox.page("/api/messages")
    assert '"trusted": true' in summaries
    assert headers["Content-Type"].startswith("application/json")


async def test_messages_of_an_incident_have_its_event_and_the_begin_of_its_key(inbox: Inbox) -> None:
    for event in LifecycleEvent.TRIGGER, LifecycleEvent.RESOLVE:
        await inbox.webhook(replace(message(), event=event, dedup_key="5f1c9a7740ab"))
    await inbox.webhook()
    without, resolve, trigger = inbox.mailbox.newest_first()
    assert (trigger.incident, resolve.incident, without.incident) == (
        "Trigger 5f1c9a77",
        "Resolve 5f1c9a77",
        "",
    )
    assert trigger.summary()["incident"] == trigger.incident
    page, _ = await inbox.page("/")
    assert page.count("5f1c9a77") == 2
    page, _ = await inbox.page("/messages/2")
    assert "<dt>incident</dt><dd>Resolve 5f1c9a77</dd>" in page
    page, _ = await inbox.page("/messages/3")
    assert "<dt>incident</dt>" not in page


async def test_webhook_with_another_key_is_refused_and_shown(inbox: Inbox) -> None:
    other = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    error = await failure(inbox.webhook(key=other))
    assert isinstance(error, ReceiverError)
    (received,) = inbox.mailbox.newest_first()
    assert not received.trusted
    page, _ = await inbox.page("/")
    assert "✗ not verified: no signature is by the key of this receiver" in page


async def test_removed_receiver_answers_that_it_is_gone(inbox: Inbox) -> None:
    error = await failure(inbox.webhook(path="/gone"))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.GONE


async def test_text_of_a_message_cannot_run_in_the_page(inbox: Inbox) -> None:
    evil = '"><script>alert(1)</script>'
    await inbox.mail(message(subject=evil, body=evil))
    await inbox.webhook(message(subject=evil, body=evil))
    for path in ("/", "/messages/1", "/messages/2"):
        page, headers = await inbox.page(path)
        assert "<script" not in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_page_of_a_message_that_was_dropped_says_so(inbox: Inbox) -> None:
    for _ in range(REMEMBERED + 1):
        inbox.mailbox.add_webhook(b"no json", {}, verdict="", trusted=False, at=NOW)
    assert len(inbox.mailbox.newest_first()) == REMEMBERED
    page, _ = await inbox.page("/messages/1")
    assert "not in the inbox any more" in page
    assert "no json" in (await inbox.page("/messages/2"))[0]


def signed(body: bytes = b"{}", *, at: datetime = NOW) -> dict[str, str]:
    return {
        "Webhook-Id": "m1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,AAAA {Webhook(KEY).sign('m1', at, body.decode())}",
    }


def test_signature_of_the_standards_library_is_verified() -> None:
    assert verify(KEY, signed(), b"{}", now=NOW.timestamp()) == "m1"


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        (signed(), b"{ }", "no signature is by the key"),
        ({**signed(), "Webhook-Id": "m2"}, b"{}", "no signature is by the key"),
        ({**signed(), "webhook-timestamp": "soon"}, b"{}", "is no number"),
        (signed(at=NOW - timedelta(minutes=6)), b"{}", "360 s away"),
        (signed(at=NOW + timedelta(minutes=6)), b"{}", "360 s away"),
        ({"webhook-id": "m1"}, b"{}", "webhook-timestamp is missing"),
    ],
)
def test_message_that_is_not_verified_says_why(headers: dict[str, str], body: bytes, text: str) -> None:
    with pytest.raises(NotVerifiedError, match=text):
        verify(KEY, headers, body, now=float(int(NOW.timestamp())))
