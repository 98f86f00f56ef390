"""The mail server of the sink: real SMTP, with an account per domain, and every mail and refusal recorded.

The account of a mail is the first label of its sender's domain: `shop` of `operator@shop.example`. An account
with a credential accepts no mail without a login, whose user name is the account.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.harness.sink.sequences import Bounded
from tests.harness.sink.smtp import Encryption, is_encrypted, smtp_protocol

if TYPE_CHECKING:
    import ssl

    from aiosmtpd.smtp import SMTP, Envelope, Session

    from tests.harness.sink.accounts import Accounts, Step

REMEMBERED = 20_000
REMEMBERED_BYTES = 64 * 1024 * 1024
OVERHEAD = 1024
"""The assumed size of a mail without its content, in bytes."""
LOGIN_FIRST = "530 5.7.0 Authentication required"
WRONG_PASSWORD = "535 5.7.8 Authentication credentials invalid"


@dataclass(slots=True, kw_only=True)
class Mail:
    """One mail, as far as it came: `step` is the last command, and `answer` what the server said to it."""

    account: str
    step: str
    answer: str
    encrypted: bool
    at: float = field(default_factory=time.time)
    user: str = ""
    """Who has logged in."""
    sender: str = ""
    recipient: str = ""
    content: bytes = b""

    def seen(self) -> dict[str, Any]:
        message = message_from_bytes(self.content, policy=default)
        texts = {part.get_content_type(): part for part in message.walk() if not part.is_multipart()}
        bodies = {kind: str(part.get_content()).replace("\r\n", "\n") for kind, part in texts.items()}
        return {
            "at": self.at,
            "step": self.step,
            "answer": self.answer,
            "accepted": self.step == "DATA" and self.answer.startswith("2"),
            "encrypted": self.encrypted,
            "user": self.user,
            "sender": self.sender,
            "recipient": self.recipient,
            "headers": {name: str(value) for name, value in message.items()},
            "text": bodies.get("text/plain", ""),
            "html": bodies.get("text/html", ""),
            "raw": self.content.decode(errors="backslashreplace"),
        }


class MailServer:
    """A handler of aiosmtpd for all connections, and `GET /mails/<account>`."""

    def __init__(self, *, accounts: Accounts) -> None:
        self._accounts = accounts
        self._mails: Bounded[Mail] = Bounded(
            count=REMEMBERED, size=REMEMBERED_BYTES, weigh=lambda mail: OVERHEAD + len(mail.content)
        )
        self._servers: list[asyncio.Server] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/mails/{account}", self._history)]

    async def start(self, host: str, port: int, encryption: Encryption, context: ssl.SSLContext) -> int:
        """Serve on one more port, and return it; the system chooses the port if it is 0."""
        factory = partial(smtp_protocol, self, encryption, context, authenticator=self._authenticate)
        implicit = context if encryption is Encryption.TLS else None
        server = await asyncio.get_running_loop().create_server(factory, host, port, ssl=implicit)
        self._servers.append(server)
        address: tuple[str, int] = server.sockets[0].getsockname()
        return address[1]

    def stop(self) -> None:
        """Accept no further connections."""
        for server in self._servers:
            server.close()

    def _authenticate(
        self, server: SMTP, session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user, password = data.login.decode(errors="replace"), data.password.decode(errors="replace")
        if self._accounts[user].credential == password:
            return AuthResult(success=True, auth_data=user)
        self._record(user, "AUTH", WRONG_PASSWORD, server, session)
        return AuthResult(success=False, handled=False, message=WRONG_PASSWORD)

    async def handle_MAIL(  # noqa: N802 - the name is the library's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        account = account_of(address)
        required = self._accounts[account].credential
        answer = self._accounts[account].reply("MAIL")
        if required and session.auth_data != account:
            answer = LOGIN_FIRST
        if answer.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
            return answer
        return await self._refuse("MAIL", answer, server, session, sender=address)

    async def handle_RCPT(  # noqa: N802 - likewise
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        sender = envelope.mail_from or ""
        answer = self._accounts[account_of(sender)].reply("RCPT")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            return answer
        return await self._refuse("RCPT", answer, server, session, sender=sender, recipient=address)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        sender = envelope.mail_from or ""
        answer = self._accounts[account_of(sender)].reply("DATA")
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            details = {"sender": sender, "recipient": recipient, "content": content}
            self._record(account_of(sender), "DATA", answer, server, session, **details)
        return await _given(answer, server)

    async def _refuse(self, step: Step, answer: str, server: SMTP, session: Session, **details: Any) -> str:
        self._record(account_of(details["sender"]), step, answer, server, session, **details)
        return await _given(answer, server)

    def _record(
        self, account: str, step: str, answer: str, server: SMTP, session: Session, **details: Any
    ) -> None:
        encrypted = is_encrypted(server, session)
        user: Any = session.auth_data or ""
        mail = Mail(account=account, step=step, answer=answer, encrypted=encrypted, user=str(user), **details)
        self._mails.add(mail)

    async def _history(self, request: web.Request) -> web.Response:
        account = request.match_info["account"]
        return web.json_response([mail.seen() for mail in self._mails if mail.account == account])


def account_of(address: str) -> str:
    """Return the account that a sender belongs to."""
    return address.rpartition("@")[2].partition(".")[0]


async def _given(answer: str, server: SMTP) -> str:
    """Return an answer, after what it does to the connection."""
    if answer == "break":
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
    if answer == "silence":
        await asyncio.get_running_loop().create_future()
    return answer
