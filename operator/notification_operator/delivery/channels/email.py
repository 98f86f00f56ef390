"""E-mail: one message per recipient over SMTP, never in clear text unless the receiver says so."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import aiosmtplib
from markupsafe import Markup

from notification_operator.delivery.channel import (
    InvalidOptionsError,
    Permanent,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from notification_operator.delivery.egress_guard import AddressNotAllowedError, guarded_socket
from notification_operator.delivery.http_client import REDACTED
from notification_operator.delivery.rendering.compose import origin
from notification_operator.delivery.rendering.html import HtmlRenderer
from notification_operator.delivery.rendering.plain import PlainRenderer
from notification_operator.delivery.rendering.templates import Output
from notification_operator.domain.text.error_text import chain, describe

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from notification_operator.delivery.channel import BodyFormat, Message
    from notification_operator.delivery.egress_guard import EgressPolicy
    from notification_operator.delivery.rendering.compose import Composed, Composer

AUTHENTICATION: Final = frozenset({530, 534, 535, 538})
TOO_LARGE: Final = 552
PERMANENT: Final = 500
IMPORTANCE: Final = {"critical": "high", "high": "high", "low": "low"}


class Security(StrEnum):
    """How the connection is encrypted."""

    STARTTLS = "StartTLS"
    TLS = "TLS"
    NONE = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailOptions:
    """The block `email` of a receiver."""

    host: str
    sender: str
    to: str = ""
    port: int = 587
    security: Security = Security.STARTTLS
    timeout: float = 10.0
    """Seconds for each step of the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSecrets:
    """What a receiver's Secret contains; both are empty for a server without authentication."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAccess:
    """How one receiver reaches the network; `tls` None: the certificate authorities of the system."""

    policy: EgressPolicy
    clock: Callable[[], datetime]
    tls: ssl.SSLContext | None = None


class EmailChannel:
    """Sends to one address, or to that of the message; a connection per message.

    Raises:
        InvalidOptionsError: the sender is no address, or a password would be sent in clear text.
    """

    def __init__(
        self, options: EmailOptions, secrets: EmailSecrets, *, access: EmailAccess, composer: Composer
    ) -> None:
        if secrets.username and options.security is Security.NONE:
            raise InvalidOptionsError(
                "email.security None would send the password in clear text; use StartTLS or TLS"
            )
        try:
            self._sender = Address(addr_spec=options.sender)
        except (MessageError, ValueError, IndexError) as error:
            raise InvalidOptionsError(f"email.from {options.sender!r} is not an address") from error
        self.destination = f"{options.host}:{options.port}"
        self._options = options
        self._secrets = secrets
        self._access = access
        self._tls = access.tls or ssl.create_default_context()
        self._composer = composer

    async def deliver(self, message: Message) -> Receipt:
        """Send the message; a repeat has the same Message-ID."""
        address = message.address or self._options.to
        composed = await self._composer.compose(message, _both)
        mail = self.mail(message, address, composed)
        failure: Exception
        try:
            async with self._connected() as client:
                await client.sendmail(self._options.sender, [address], mail.as_bytes())
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            failure = self._failure(error)
        else:
            return Receipt(message_ref=str(mail["Message-ID"]), note=composed.note)
        raise failure

    def mail(self, message: Message, address: str, composed: Composed[dict[str, str]]) -> EmailMessage:
        """Return the mail.

        Raises:
            Permanent: the recipient is no address that can be written to.
        """
        mail = EmailMessage(policy=SMTP)
        domain = self._sender.domain
        mail["Subject"] = f"[{message.content.priority}] {composed.subject}"
        mail["From"] = self._sender
        mail["To"] = _recipient(address)
        mail["Date"] = format_datetime(self._access.clock())
        mail["Message-ID"] = f"<{_digest(message.delivery_id)}@{domain}>"
        if message.dedup_key:
            thread = f"<{_digest(f'{message.namespace}/{message.dedup_key}')}@{domain}>"
            mail["References"] = mail["In-Reply-To"] = thread
        mail["List-Id"] = f"<{message.namespace}.notifications.{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["X-Notification"] = f"{message.namespace}/{message.name}"
        if message.content.priority in IMPORTANCE:
            mail["Importance"] = IMPORTANCE[message.content.priority]
        context = {**self._composer.context(message), "subject": composed.subject}
        self._add_body(mail, context, origin(message), **composed.body)
        return mail

    def _add_body(
        self, mail: EmailMessage, context: dict[str, Any], source: str, text: str, html: str
    ) -> None:
        plain = self._composer.page(
            "email.txt.j2", {**context, "body": text}, last=f"{text}\n\n--\n{source}\n"
        )
        page = self._composer.page(
            "email.html.j2",
            {**context, "body": Markup(html)},  # noqa: S704 - of HtmlRenderer, which escapes everything
            last=f"{html}<p>{source}</p>\n",
            output=Output.HTML,
        )
        # Quoted-printable: no server on the way changes the text, or refuses a long line.
        mail.set_content(plain, cte="quoted-printable")
        mail.add_alternative(page, subtype="html", cte="quoted-printable")

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Connect, encrypt and authenticate, in this order and no other."""
        options, secrets = self._options, self._secrets
        async with asyncio.timeout(options.timeout):
            connection = await guarded_socket(self._access.policy, options.host, options.port)
        client = aiosmtplib.SMTP(
            hostname=options.host,
            sock=connection,
            use_tls=options.security is Security.TLS,
            start_tls=False,
            tls_context=self._tls,
            timeout=options.timeout,
        )
        try:
            await _take_over(client, connection)
            if options.security is Security.STARTTLS:
                await self._encrypt(client)
            if secrets.username:
                await client.login(secrets.username, secrets.password)
            yield client
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
        finally:
            client.close()

    async def _encrypt(self, client: aiosmtplib.SMTP) -> None:
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise ReceiverError(
                ReceiverProblem.TLS_UNAVAILABLE,
                f"{self.destination} does not offer STARTTLS; set email.security to TLS, or choose another server",
            )
        await client.starttls(server_hostname=self._options.host)

    def _failure(self, error: Exception) -> Exception:
        links = list(chain(error))
        text = describe(error, redact=self._without_secrets)
        refusal = next((link for link in links if isinstance(link, AddressNotAllowedError)), None)
        if refusal is not None:
            return ReceiverError(ReceiverProblem.ADDRESS_NOT_ALLOWED, str(refusal))
        if any(isinstance(link, ssl.SSLCertVerificationError) for link in links):
            return ReceiverError(ReceiverProblem.CERTIFICATE_INVALID, text)
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            error = error.recipients[0]
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return _refusal(error, self._without_secrets(f"SMTP {error.code}: {error.message}"))
        if isinstance(error, aiosmtplib.SMTPNotSupported):
            return ReceiverError(ReceiverProblem.MISCONFIGURED, text)
        return Transient(text)

    def _without_secrets(self, text: str) -> str:
        password = self._secrets.password
        return text.replace(password, REDACTED) if password else text


async def _take_over(client: aiosmtplib.SMTP, connection: socket.socket) -> None:
    """Begin the conversation; from then on the client owns the connection."""
    try:
        await client.connect()
    except BaseException:
        # A transport that exists already closes in the next round of the loop, and its socket with it.
        asyncio.get_running_loop().call_soon(connection.close)
        raise


def _refusal(error: aiosmtplib.SMTPResponseException, text: str) -> Exception:
    """Return what a code of the server means: some concern the receiver, some the message, some the moment."""
    if error.code in AUTHENTICATION or (
        isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= PERMANENT
    ):
        return ReceiverError(ReceiverProblem.AUTHENTICATION_FAILED, text)
    if error.code < PERMANENT:
        return Transient(text)
    if (
        isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
        or error.code == TOO_LARGE
    ):
        return Permanent(text)
    return ReceiverError(ReceiverProblem.MISCONFIGURED, text)


def _both(text: str, form: BodyFormat) -> dict[str, str]:
    return {"text": PlainRenderer().body(text, form), "html": HtmlRenderer().body(text, form)}


def _recipient(address: str) -> Address:
    try:
        recipient = Address(addr_spec=address)
    except (MessageError, ValueError, IndexError) as error:
        raise Permanent(
            f"{address!r} is not an e-mail address: correct email.to of the receiver, or the recipient"
        ) from error
    if not address.isascii():
        raise Permanent(
            f"the address {address!r} is not ASCII; few servers accept it, so it is not supported"
        )
    return recipient


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
