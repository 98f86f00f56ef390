"""A mail server on 127.0.0.1: real SMTP with TLS and authentication, and scripted refusals."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.harness.sink.smtp import Encryption, is_encrypted, smtp_protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

USERNAME, PASSWORD = "notifier", "mail-password"


@dataclass
class MailServer:
    """The received mails, and the scripted answers to each command."""

    port: int = 0
    authority: trustme.CA = field(default_factory=trustme.CA)
    answers: dict[str, str] = field(default_factory=dict)
    """By command: MAIL, RCPT, DATA or QUIT; `break` breaks the connection, `silence` never answers DATA or QUIT."""
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(each.original_content or b"", policy=default) for each in self.envelopes]

    @property
    def trust(self) -> ssl.SSLContext:
        """Trusts this server."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def certificate(self, host: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(host).configure_cert(context)
        return context

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        correct = (data.login, data.password) == (USERNAME.encode(), PASSWORD.encode())
        self.users.append(f"{mechanism}:{data.login.decode()}")
        return AuthResult(success=correct, handled=False)

    async def handle_MAIL(  # noqa: N802 - the name is the library's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 - likewise
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.answers.get("RCPT", "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        self.envelopes.append(envelope)
        self.encrypted.append(is_encrypted(server, session))
        answer = self.answers.get("DATA", "250 queued as 42")
        if answer == "break":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if answer == "silence":
            await asyncio.sleep(3600)
        return answer

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - likewise
        if self.answers.get("QUIT") == "silence":
            await asyncio.sleep(3600)
        return "221 Bye"


@contextlib.asynccontextmanager
async def mail_server(
    *, starttls: bool = True, tls: bool = False, auth: bool = False, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[MailServer]:
    """Run a server; with `auth` it accepts no mail without a login."""
    mail = MailServer()
    context = mail.certificate(host)
    encryption = Encryption.TLS if tls else Encryption.STARTTLS if starttls else Encryption.NONE

    def protocol() -> SMTP:
        mail.connections += 1
        return smtp_protocol(
            mail, encryption, context, authenticator=mail.authenticate, auth_required=auth, **options
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=context if tls else None
    )
    async with server:
        mail.port = server.sockets[0].getsockname()[1]
        yield mail
