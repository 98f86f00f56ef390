"""E-mail: one message per recipient over SMTP, never in clear text unless the receiver says so."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import aiosmtplib

from notification_operator.delivery.channel import (
    Channel,
    InvalidOptionsError,
    Permanent,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    Transient,
)
from notification_operator.delivery.http.egress_guard import guarded_socket
from notification_operator.delivery.http.egress_policy import AddressNotAllowedError
from notification_operator.delivery.http.name_resolver import resolving_for
from notification_operator.delivery.http_client import REDACTED
from notification_operator.delivery.rendering.mail import write_mail
from notification_operator.domain.text.error_text import chain, describe

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from aiohttp.abc import AbstractResolver

    from notification_operator.delivery.channel import Message
    from notification_operator.delivery.http.egress_policy import EgressPolicy
    from notification_operator.delivery.rendering.compose import Composer

AUTHENTICATION: Final = frozenset({530, 534, 535, 538})
TOO_LARGE: Final = 552
PERMANENT: Final = 500


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
    server_name: str = ""
    """The name in the server's certificate; empty: the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSecrets:
    """What a receiver's Secret contains; both are empty for a server without authentication."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAccess:
    """How one receiver reaches the network; `tls` None: the certificate authorities of the system.

    `names` resolves the host within the limit of the receiver's `namespace`; None: in a thread.
    """

    policy: EgressPolicy
    clock: Callable[[], datetime]
    tls: ssl.SSLContext | None = None
    names: AbstractResolver | None = None
    namespace: str = ""


class EmailChannel(Channel):
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
        # What stands in an encoded word of RFC 2047 would become a header of its own.
        if not str(self._sender).isascii() or not str(self._sender).isprintable():
            raise InvalidOptionsError(f"email.from {options.sender!r} is not printable ASCII")
        self.destination = f"{options.host}:{options.port}"
        self._options = options
        self._secrets = secrets
        self._access = access
        self._tls = access.tls or ssl.create_default_context()
        self._composer = composer

    async def deliver(self, message: Message) -> Receipt:
        """Send the message; a repeat has the same Message-ID."""
        address = message.address or self._options.to
        mail = await write_mail(
            message,
            sender=self._sender,
            address=address,
            date=self._access.clock(),
            composer=self._composer,
        )
        failure: Exception
        try:
            async with self._connected() as client:
                await client.sendmail(self._options.sender, [address], mail.content)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            failure = self._failure(error)
        else:
            return Receipt(message_ref=mail.id, note=mail.note)
        raise failure

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Connect, encrypt and authenticate, in this order and no other."""
        options, secrets, access = self._options, self._secrets, self._access
        with resolving_for(access.namespace):
            async with asyncio.timeout(options.timeout):
                connection = await guarded_socket(
                    access.policy, options.host, options.port, resolver=access.names
                )
        client = aiosmtplib.SMTP(
            hostname=options.server_name or options.host,
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
        await client.starttls(server_hostname=self._options.server_name or self._options.host)

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
        # The class itself: no mechanism of authentication that both sides know.
        if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
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
