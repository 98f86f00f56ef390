"""E-mail against a real mail server: what arrives, what it is protected by, and what each refusal means."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.channel_types.email import Security
from notification_domain.receivers.references import SecretValues
from notification_runtime.channels import email
from notification_runtime.delivery.channel import (
    DeliveryError,
    InvalidOptionsError,
    Permanent,
    ReceiverError,
    ReceiverProblem,
    Refused,
    Transient,
)
from notification_runtime.delivery.http.egress_policy import EgressPolicy
from notification_runtime.delivery.http.exchange import MOST_CONNECTIONS
from notification_runtime.fair.fair_queue import FairSemaphore
from tests.kit.hostile_answers import SMTP, pouring
from tests.unit.operator.channels import receivers
from tests.unit.operator.channels.mail_server import PASSWORD, USERNAME, mail_server
from tests.unit.operator.channels.receivers import DELIVERY_ID, NOW, make, own_connections

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from notification_runtime.channels.email import EmailChannel
    from notification_runtime.delivery.channel import Message
    from tests.unit.operator.channels.mail_server import MailServer

CREDENTIALS = {"authSecretRef/username": USERNAME, "authSecretRef/password": PASSWORD}


def message(**changes: Any) -> Message:
    return receivers.message(**{"address": "team@example.com", **changes})


def channel(
    server: MailServer, *, secrets: dict[str, str] | None = None, trusted: bool = True, **changes: Any
) -> EmailChannel:
    limits = {name: changes.pop(name) for name in ("policy", "timeout", "server_name") if name in changes}
    access = own_connections(tls=server.trust if trusted else None, **limits)
    usual = {"host": "127.0.0.1", "port": server.port, "from": "operator@example.com"}
    made: EmailChannel = make("email", secrets or {}, access, **{**usual, **changes})
    return made


def own(port: int, **access: Any) -> EmailChannel:
    """Return the channel of a server without TLS."""
    usual = {"host": "127.0.0.1", "port": port, "from": "a@example.com"}
    made: EmailChannel = make("email", {}, own_connections(**access), **usual, security=Security.NONE)
    return made


async def sent(message: Message) -> EmailMessage:
    async with mail_server() as server:
        await channel(server).deliver(message)
    (mail,) = server.mails
    return mail


def parts(mail: EmailMessage) -> tuple[str, str]:
    plain, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    return plain, html


async def failure(channel: EmailChannel, sent: Message | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.deliver(sent or message())
    return caught.value


@pytest.mark.parametrize("tls", [False, True])
async def test_mail_is_delivered_over_tls_with_authentication(tls: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async with mail_server(tls=tls, auth=True) as server:
        security = Security.TLS if tls else Security.STARTTLS
        receipt = await channel(server, secrets=CREDENTIALS, security=security).deliver(message())
    assert server.encrypted == [True]
    assert server.users[-1].endswith(f":{USERNAME}")
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("operator@example.com", ["team@example.com"])
    assert receipt.message_ref == server.mails[0]["Message-ID"]


async def test_headers_identify_the_message_and_its_kind() -> None:
    mail = await sent(message())
    digest = hashlib.sha256(DELIVERY_ID.encode()).hexdigest()[:32]
    assert mail["Subject"] == "[high] Заказ 📦"
    assert mail["From"] == "operator@example.com"
    assert mail["To"] == "team@example.com"
    assert parsedate_to_datetime(mail["Date"]) == NOW
    assert mail["Message-ID"] == f"<{digest}@example.com>"
    assert mail["List-Id"] == "<shop.notifications.example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Notification"] == "shop/order-1"
    assert mail["Importance"] == "high"
    assert mail["References"] is None


@pytest.mark.parametrize(("priority", "importance"), [("critical", "high"), ("medium", None), ("low", "low")])
async def test_importance_is_that_of_the_priority(priority: str, importance: str | None) -> None:
    assert (await sent(message(priority=priority)))["Importance"] == importance


async def test_server_without_authentication_is_a_wrong_configuration() -> None:
    async with mail_server(starttls=True, auth_exclude_mechanism=["LOGIN", "PLAIN"]) as server:
        error = await failure(channel(server, secrets=CREDENTIALS))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.MISCONFIGURED
    assert PASSWORD not in str(error)
    assert not server.envelopes


async def test_mail_is_ascii_with_short_lines() -> None:
    async with mail_server() as server:
        await channel(server).deliver(message(body="後で 📦 " * 500 + "x" * 5000))
    content = server.envelopes[0].original_content
    assert content is not None
    assert content.isascii()
    assert b"Subject: [high] =?utf-8?b?" in content
    assert max(map(len, content.split(b"\r\n"))) <= 100


async def test_body_is_plain_text_with_an_html_alternative() -> None:
    links = ({"service": "grafana", "url": "https://example.com/d?a=1&b=2", "label": "Dash <1>"},)
    mail = await sent(
        message(body="# Disk\n\n**full** <b>", format="Markdown", action_links=links, metadata={"a&b": "<i>"})
    )
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = parts(mail)
    assert "Disk\n====\n\nfull <b>" in plain
    assert "Dash <1>: https://example.com/d?a=1&b=2" in plain
    assert "from shop/order-1, cluster staging" in plain
    assert "<strong>full</strong> &lt;b&gt;" in html
    assert '<a href="https://example.com/d?a=1&amp;b=2" rel="noopener noreferrer">Dash &lt;1&gt;</a>' in html
    assert "<td>a&amp;b</td><td>&lt;i&gt;</td>" in html
    assert "from shop/order-1, cluster staging" in html


async def test_html_of_the_author_stays_text() -> None:
    mail = await sent(message(subject="<script>x</script>", body="<img src=x onerror=y>"))
    _, html = parts(mail)
    assert "<script>" not in html
    assert "<img" not in html


async def test_body_that_is_too_long_for_the_page_still_says_its_origin() -> None:
    mail = await sent(message(body="x" * 300_000))
    plain, html = parts(mail)
    assert plain.count("x") >= 300_000
    assert "from shop/order-1" in plain
    assert "from shop/order-1" in html


async def test_repeat_has_the_same_message_id_and_a_thread_its_reference() -> None:
    async with mail_server() as server:
        server.answers["DATA"] = "451 later"
        assert isinstance(await failure(channel(server), message(dedup_key="disk")), Transient)
        server.answers.clear()
        await channel(server).deliver(message(dedup_key="disk", attempt=2))
        await channel(server).deliver(message(dedup_key="disk", delivery_id="other"))
    first, repeat, other = server.mails
    assert first["Message-ID"] == repeat["Message-ID"] != other["Message-ID"]
    assert first["References"] == repeat["References"] == other["References"] == other["In-Reply-To"]


async def test_line_break_in_a_subject_adds_no_header() -> None:
    mail = await sent(message(subject="hello\r\nBcc: victim@example.com\n\nbody"))
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[high] hello Bcc: victim@example.com body"


async def test_address_of_the_message_takes_precedence() -> None:
    async with mail_server() as server:
        await channel(server).deliver(message(address="alice@example.com"))
    assert server.envelopes[0].rcpt_tos == ["alice@example.com"]
    assert server.mails[0]["To"] == "alice@example.com"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@b\r\nRCPT TO:<c@d>",
        "a@b, c@d",
        "jürgen@example.com",
        "a@exämple.com",
        "a@b\nBcc: c@d",
        "<a@b>",
        "@b",
    ],
)
async def test_address_that_is_none_is_a_permanent_failure(address: str) -> None:
    async with mail_server() as server:
        error = await failure(channel(server), message(address=address))
    assert isinstance(error, Permanent)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("command", "answer", "kind", "text"),
    [
        ("RCPT", "550 no such user", Permanent, "SMTP 550: no such user"),
        ("RCPT", "450 greylisted", Refused, "SMTP 450: greylisted"),
        ("RCPT", "530 log in first", ReceiverError, "AuthenticationFailed: SMTP 530: log in first"),
        ("DATA", "554 spam", Permanent, "SMTP 554: spam"),
        ("DATA", "552 too large", Permanent, "SMTP 552: too large"),
        ("DATA", "421 closing", Refused, "SMTP 421: closing"),
        ("MAIL", "553 not your address", ReceiverError, "Misconfigured: SMTP 553: not your address"),
        ("MAIL", "452 disk full", Refused, "SMTP 452: disk full"),
    ],
)
async def test_refusal_means_what_its_code_and_command_say(
    command: str, answer: str, kind: type[DeliveryError], text: str
) -> None:
    async with mail_server() as server:
        server.answers[command] = answer
        error = await failure(channel(server))
    assert (type(error), str(error)) == (kind, text)


@pytest.mark.parametrize("answer", ["break", "silence"])
async def test_connection_that_breaks_after_the_data_is_a_transient_failure(answer: str) -> None:
    async with mail_server() as server:
        server.answers["DATA"] = answer
        assert isinstance(await failure(channel(server, timeout=0.5)), Transient)


async def test_accepted_mail_waits_for_no_goodbye() -> None:
    async with mail_server() as server:
        server.answers["QUIT"] = "silence"
        async with asyncio.timeout(3):
            receipt = await channel(server, timeout=60).deliver(message())
    assert receipt.message_ref == server.mails[0]["Message-ID"]


async def test_wrong_password_is_a_receiver_error_without_the_password() -> None:
    async with mail_server(auth=True) as server:
        error = await failure(channel(server, secrets={**CREDENTIALS, "authSecretRef/password": "wrong-one"}))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.AUTHENTICATION_FAILED
    assert "wrong-one" not in str(error)
    assert not server.envelopes


async def test_mail_larger_than_the_server_accepts_is_a_permanent_failure() -> None:
    async with mail_server(data_size_limit=10_000) as server:
        error = await failure(channel(server), message(body="x" * 100_000))
    assert isinstance(error, Permanent)
    assert not server.envelopes


async def test_server_without_starttls_gets_no_mail_and_no_password() -> None:
    async with mail_server(starttls=False) as server:
        error = await failure(channel(server, secrets=CREDENTIALS))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.TLS_UNAVAILABLE
    assert not server.users
    assert not server.envelopes


@pytest.mark.parametrize("tls", [False, True])
async def test_untrusted_certificate_gets_no_mail_and_no_password(tls: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async with mail_server(tls=tls) as server:
        security = Security.TLS if tls else Security.STARTTLS
        error = await failure(channel(server, secrets=CREDENTIALS, trusted=False, security=security))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.CERTIFICATE_INVALID
    assert not server.users


async def test_bundle_of_the_environment_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with mail_server(tls=True) as server:
        server.authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
        # As a process that starts in this environment.
        monkeypatch.setattr(email, "system_authorities", ssl.create_default_context)
        await channel(server, trusted=False, security=Security.TLS).deliver(message())
        assert len(server.mails) == 1


@pytest.mark.parametrize("tls", [False, True])
async def test_certificate_of_another_host_gets_no_mail(tls: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async with mail_server(tls=tls, host="other.example.com") as server:
        security = Security.TLS if tls else Security.STARTTLS
        error = await failure(channel(server, security=security))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.CERTIFICATE_INVALID


async def test_clear_text_is_used_only_where_it_is_set() -> None:
    async with mail_server(starttls=False) as server:
        await channel(server, security=Security.NONE).deliver(message())
    assert server.encrypted == [False]
    assert server.mails[0]["Subject"] == "[high] Заказ 📦"


def test_password_in_clear_text_is_refused() -> None:
    usual = {"host": "mail.example", "from": "a@example.com"}
    with pytest.raises(InvalidOptionsError, match="clear text; use StartTLS or TLS"):
        make("email", CREDENTIALS, own_connections(), **usual, security="None")
    with pytest.raises(InvalidOptionsError, match=r"'a@\.example' is not an address"):
        make("email", {}, own_connections(), **{**usual, "from": "a@.example"})
    assert PASSWORD not in repr(SecretValues(CREDENTIALS))


async def test_guard_lets_no_connection_through() -> None:
    async with mail_server() as server:
        error = await failure(channel(server, host="localhost", policy=EgressPolicy()))
    assert isinstance(error, ReceiverError)
    assert error.reason is ReceiverProblem.ADDRESS_NOT_ALLOWED
    assert server.connections == 0


async def test_server_that_is_away_is_a_transient_failure() -> None:
    async with mail_server() as server:
        pass
    assert isinstance(await failure(channel(server)), Transient)


@pytest.mark.parametrize("answer", SMTP)
@pytest.mark.parametrize("together", [False, True])
async def test_answer_without_an_end_is_permanent_after_one_connection(
    answer: str, *, together: bool
) -> None:
    async with pouring(*SMTP[answer], asked=False, at_once=together) as port:
        error = await failure(own(port))
    assert isinstance(error, ReceiverError)
    assert str(error).startswith(("Misconfigured: the answer has more than", "Misconfigured: Malformed SMTP"))


async def test_namespace_has_eight_connections_and_a_receiver_four() -> None:
    shared = FairSemaphore(MOST_CONNECTIONS)
    held: Counter[int] = Counter()

    async def hold(port: int, channel: EmailChannel) -> None:
        async with channel.slot(message()):
            held[port] += 1
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        channels = {port: own(port, connections=shared) for port in (1, 2, 3)}
        tasks = [group.create_task(hold(*each)) for each in channels.items() for _ in range(10)]
        await asyncio.sleep(0)
        assert held == {1: 4, 2: 4}
        for task in tasks:
            task.cancel()


async def test_large_mails_begin_in_different_passes_of_the_event_loop() -> None:
    mails = 20
    together = asyncio.Barrier(mails)
    now = 0
    begun: Counter[int] = Counter()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while command := (await reader.readline())[:4]:
            if command == b"RCPT":
                await together.wait()
            if command == b"DATA":
                begun[now] += 1
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"221 bye\r\n" if command == b"QUIT" else b"250 OK\r\n")
        writer.close()

    async def count() -> None:
        nonlocal now
        while True:
            now += 1
            await asyncio.sleep(0)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    async with server:
        passes = asyncio.create_task(count())
        made = own(server.sockets[0].getsockname()[1])
        large = message(body="a line of text\n" * 8000)
        await asyncio.gather(*(made.deliver(large) for _ in range(mails)))
        passes.cancel()
    assert begun.total() == mails
    assert max(begun.values()) <= 2
