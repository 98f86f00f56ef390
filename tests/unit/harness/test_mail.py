"""The mail server of the sink: the operator's own channel sends to it, is refused by it, and is recorded."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.channel_types.email import Security
from notification_runtime.delivery.channel import (
    DeliveryError,
    Permanent,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from tests.harness.authority import Authority
from tests.harness.counterparts import Account
from tests.harness.receiver_types import TYPES
from tests.harness.sink.app import Sink
from tests.harness.sink.mail import account_of
from tests.harness.sink.smtp import Encryption
from tests.unit.operator.channels.receivers import make, message, own_connections

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Post:
    """An account at a running mail server, and its ports."""

    account: Account
    ports: dict[Encryption, int]
    trust: ssl.SSLContext

    async def send(
        self, security: Security = Security.STARTTLS, *, password: str = "", **changes: Any
    ) -> None:
        access = own_connections(tls=self.trust, timeout=changes.pop("timeout", 3))
        values = {"authSecretRef/username": self.account.name, "authSecretRef/password": password}
        fields = {"host": "127.0.0.1", "port": self.ports[Encryption(security)], "security": security}
        sender = {"from": f"operator@{self.account.name}.example"}
        channel = make("email", values if password else {}, access, **fields, **sender)
        await channel.deliver(message(**{"address": "team@example.com", **changes}))

    async def failure(self, *arguments: Any, **changes: Any) -> DeliveryError:
        with pytest.raises(DeliveryError) as caught:
            await self.send(*arguments, **changes)
        return caught.value

    async def mails(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self.account.mails)

    async def reply(self, step: str, *replies: str) -> None:
        await asyncio.to_thread(self.account.reply, step, *replies)

    async def expect(self, password: str) -> None:
        await asyncio.to_thread(self.account.expect, password)


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    authority, sink = Authority(tmp_path), Sink()
    port = await sink.start("127.0.0.1", 0)
    identity = authority.identity("sink")
    ports = {each: await sink.mail.start("127.0.0.1", 0, each, identity) for each in Encryption}
    account = Account(base=f"http://127.0.0.1:{port}", name=f"m-{uuid.uuid4().hex[:8]}")
    yield Post(account=account, ports=ports, trust=authority.trust())
    await sink.stop()


@pytest.mark.parametrize("security", Security)
async def test_mail_is_recorded_with_headers_and_both_bodies(post: Post, security: Security) -> None:
    await post.send(security, subject="disk", body="**full**", format="Markdown")
    (mail,) = await post.mails()
    assert (mail["accepted"], mail["encrypted"]) == (True, security is not Security.NONE)
    assert (mail["step"], mail["answer"], mail["user"]) == ("DATA", "250 OK", "")
    assert (mail["sender"], mail["recipient"]) == (
        f"operator@{post.account.name}.example",
        "team@example.com",
    )
    assert mail["headers"]["Subject"] == "[high] disk"
    assert "full" in mail["text"]
    assert "<strong>full</strong>" in mail["html"]
    assert mail["raw"].startswith("Subject: ")


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_password_is_required_and_can_be_changed(post: Post, security: Security) -> None:
    await post.expect("first")
    assert isinstance(await post.failure(security), ReceiverError)
    await post.send(security, password="first")
    await post.expect("second")
    failure = await post.failure(security, password="first")
    assert isinstance(failure, ReceiverError)
    assert failure.reason is ReceiverProblem.AUTHENTICATION_FAILED
    await post.send(security, password="second")
    mails = await post.mails()
    assert [mail["user"] for mail in mails if mail["accepted"]] == [post.account.name] * 2
    assert {mail["answer"][:3] for mail in mails if not mail["accepted"]} == {"530", "535"}


async def test_user_of_another_account_cannot_send(post: Post) -> None:
    await post.expect("secret")
    other = Account(base=post.account.base, name="other")
    await asyncio.to_thread(other.expect, "theirs")
    intruder = Post(account=other, ports=post.ports, trust=post.trust)
    await intruder.send(password="theirs")
    assert await post.mails() == []


@pytest.mark.parametrize(
    ("step", "reply", "kind"),
    [
        ("RCPT", "550 no such user", Permanent),
        ("RCPT", "450 greylisted", Transient),
        ("MAIL", "452 disk full", Transient),
        ("DATA", "554 spam", Permanent),
        ("DATA", "break", Transient),
        ("DATA", "silence", Transient),
    ],
)
async def test_scripted_reply_is_given_once_and_recorded(
    post: Post, step: str, reply: str, kind: type[DeliveryError]
) -> None:
    await post.reply(step, reply, "250 OK")
    assert isinstance(await post.failure(timeout=0.5), kind)
    await post.send()
    refused, accepted = await post.mails()
    assert (refused["step"], refused["answer"], refused["accepted"]) == (step, reply, False)
    assert accepted["accepted"]
    if step == "DATA":
        assert refused["headers"]["Message-ID"] == accepted["headers"]["Message-ID"]


async def test_scripted_outcomes_are_what_the_stack_tests_expect(post: Post) -> None:
    mail = TYPES["email"]
    await asyncio.to_thread(mail.script, post.account, "refused", "trouble", "accepted")
    assert isinstance(await post.failure(), Permanent)
    assert isinstance(await post.failure(), Transient)
    await post.send()
    refused, first, second = await asyncio.to_thread(mail.arrivals, post.account)
    assert (refused.handle, first.handle) == ("", second.handle)
    assert "from shop/order-1" in first.text


async def test_port_without_starttls_offers_none(post: Post) -> None:
    ports = {**post.ports, Encryption.STARTTLS: post.ports[Encryption.NONE]}
    failure = await Post(account=post.account, ports=ports, trust=post.trust).failure()
    assert isinstance(failure, ReceiverError)
    assert failure.reason is ReceiverProblem.TLS_UNAVAILABLE
    assert await post.mails() == []


def test_account_is_the_first_label_of_the_domain() -> None:
    assert account_of("operator@shop.example") == "shop"
    assert account_of("nobody") == "nobody"
