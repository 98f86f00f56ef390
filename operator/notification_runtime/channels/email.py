"""E-mail: one message per recipient over SMTP, never in clear text unless the receiver says so."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from notification_contract.kinds.channel_types.email import Security
from notification_domain.error_text import chain, describe
from notification_runtime.delivery.channel import (
    Channel,
    InvalidOptionsError,
    Permanent,
    Receipt,
    ReceiverError,
    ReceiverProblem,
    Refused,
    Transient,
)
from notification_runtime.delivery.http.egress_guard import guarded_socket
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError
from notification_runtime.delivery.http.exchange import REDACTED
from notification_runtime.delivery.http.name_resolver import resolving_for
from notification_runtime.fair.fair_queue import FairSemaphore
from notification_runtime.rendering.mail import write_mail

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from notification_contract.kinds.channel_types.email import Email
    from notification_domain.receivers.references import SecretValues
    from notification_runtime.delivery.channel import Message
    from notification_runtime.delivery.http.exchange import NetworkAccess
    from notification_runtime.rendering.compose import Composer

system_authorities: Final = cache(ssl.create_default_context)
"""One context for all receivers: the certificates of the system take a megabyte."""
AUTHENTICATION: Final = frozenset({530, 534, 535, 538})
TOO_LARGE: Final = 552
PERMANENT: Final = 500
FIRST_CODE: Final = 200
"""The first code of an answer; the library has others for what is no answer."""
MAX_ANSWER: Final = 4096
"""Bytes of an answer with all its lines."""
MAX_PIECES: Final = 64
"""Lines of an answer, and pieces that it arrives in: the library parses it from its beginning after each."""
MOST_CONNECTIONS: Final = 4
"""Connections of a receiver: half of those of its namespace, so that a slow server leaves some to other receivers."""
QUIT_SECONDS: Final = 0.25
"""Time limit of the goodbye: the mail is accepted by then, and an attempt that ended before it returns would repeat the mail."""
LARGE: Final = 64 * 1024
"""Bytes of a mail that its library takes about a millisecond to prepare; a megabyte takes 15."""


class EmailChannel(Channel):
    """Sends to the address of the message; a connection per message.

    Raises:
        InvalidOptionsError: the sender is no address, or a password would be sent in clear text.
    """

    def __init__(
        self, block: Email, secrets: SecretValues, *, access: NetworkAccess, composer: Composer
    ) -> None:
        access.policy.check_host(block.host)
        self._username = secrets.value("authSecretRef/username")
        self._password = secrets.value("authSecretRef/password")
        if self._username and block.security is Security.NONE:
            raise InvalidOptionsError(
                "email.security None would send the password in clear text; use StartTLS or TLS"
            )
        try:
            self._sender = Address(addr_spec=block.sender)
        except (MessageError, ValueError, IndexError) as error:
            raise InvalidOptionsError(f"email.from {block.sender!r} is not an address") from error
        # What stands in an encoded word of RFC 2047 would become a header of its own.
        if not str(self._sender).isascii() or not str(self._sender).isprintable():
            raise InvalidOptionsError(f"email.from {block.sender!r} is not printable ASCII")
        self.destination = f"{block.host}:{block.port}"
        self._block = block
        self._access = access
        self._composer = composer
        self._connections = FairSemaphore(MOST_CONNECTIONS)

    copies = 8
    """As text and as HTML, each before and after it is encoded."""

    @contextlib.asynccontextmanager
    async def slot(self, message: Message) -> AsyncIterator[None]:
        rank, shared = message.content.rank, self._access.connections
        async with (
            self._connections.slot("", rank),
            shared.slot(str(self.destination), rank),
        ):
            yield

    async def deliver(self, message: Message) -> Receipt:
        """Send the message; a repeat has the same Message-ID."""
        mail = await write_mail(
            message,
            sender=self._sender,
            address=message.address,
            date=self._access.clock(),
            composer=self._composer,
        )
        failure: Exception
        try:
            async with self._connected() as client:
                await client.sendmail(self._block.sender, [message.address], mail.content)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            failure = self._failure(error)
        else:
            return Receipt(message_ref=mail.id, note=mail.note)
        raise failure

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Connect, encrypt and authenticate, in this order and no other."""
        block, access = self._block, self._access
        with resolving_for(access.namespace):
            async with asyncio.timeout(access.timeout):
                tls = await access.tls() if access.tls else None
                connection = await guarded_socket(
                    access.policy, block.host, block.port, resolver=access.names
                )
        client = _Client(
            hostname=access.server_name or block.host,
            sock=connection,
            use_tls=block.security is Security.TLS,
            start_tls=False,
            tls_context=tls or system_authorities(),
            timeout=access.timeout,
        )
        client.turn = access.turn
        try:
            await _take_over(client, connection)
            if block.security is Security.STARTTLS:
                await self._encrypt(client)
            if self._username:
                await client.login(self._username, self._password)
            yield client
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=QUIT_SECONDS)
        finally:
            client.close()

    async def _encrypt(self, client: aiosmtplib.SMTP) -> None:
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise ReceiverError(
                ReceiverProblem.TLS_UNAVAILABLE,
                f"{self.destination} does not offer STARTTLS; set email.security to TLS, or choose another server",
            )
        await client.starttls(server_hostname=self._access.server_name or self._block.host)

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
            mark = f"SMTP {error.code}: " if error.code >= FIRST_CODE else ""
            return _refusal(error, self._without_secrets(f"{mark}{error.message}"))
        # The class itself: no mechanism of authentication that both sides know.
        if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
            return ReceiverError(ReceiverProblem.MISCONFIGURED, text)
        if isinstance(error, OSError):
            text = f"{self.destination}: {text}"
        return Refused(text) if isinstance(error, ConnectionRefusedError) else Transient(text)

    def _without_secrets(self, text: str) -> str:
        return text.replace(self._password, REDACTED) if self._password else text


create = EmailChannel


class _Answers(SMTPProtocol):
    """Bounds each answer before it is parsed (DD-ANSWER-001)."""

    _size = _pieces = 0

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        self._pieces += max(1, data.count(b"\n"))
        if self._size <= MAX_ANSWER and self._pieces <= MAX_PIECES:
            super().data_received(data)
            return
        text = f"the answer has more than {MAX_ANSWER} bytes, or more than {MAX_PIECES} lines or pieces"
        if self._response_waiter is not None and not self._response_waiter.done():
            error = aiosmtplib.SMTPResponseException(aiosmtplib.SMTPStatus.invalid_response, text)
            self._set_response_exception(self._response_waiter, error)
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def read_response(self, timeout: float | None = None) -> aiosmtplib.SMTPResponse:  # noqa: ASYNC109 - the library's
        try:
            return await super().read_response(timeout)
        finally:
            self._size = self._pieces = 0


class _Client(aiosmtplib.SMTP):
    """Lets the event loop run between the preparations of large mails, which the servers may accept together."""

    turn: asyncio.Lock

    async def _create_connection(self, timeout: float | None) -> aiosmtplib.SMTPResponse:  # noqa: ASYNC109 - the library's
        """Begin as the library does, with answers that are bounded."""
        loop = asyncio.get_running_loop()
        self.transport, self.protocol = await loop.create_connection(
            lambda: _Answers(loop=loop, connection_lost_callback=self._on_connection_lost),
            sock=self.sock,
            ssl=self.tls_context if self.use_tls else None,
            server_hostname=self.hostname if self.use_tls else None,
            ssl_handshake_timeout=timeout if self.use_tls else None,
        )
        response = await self.protocol.read_response(timeout)
        if response.code != aiosmtplib.SMTPStatus.ready:
            raise aiosmtplib.SMTPConnectResponseError(response.code, response.message)
        return response

    async def data(self, message: str | bytes, /, **options: Any) -> aiosmtplib.SMTPResponse:  # noqa: ANN401 - the library's
        if len(message) > LARGE:
            async with self.turn:
                await asyncio.sleep(0)
        return await super().data(message, **options)


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
    if error.code < FIRST_CODE:
        return ReceiverError(ReceiverProblem.MISCONFIGURED, text)
    if error.code < PERMANENT:
        return Refused(text)
    if (
        isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
        or error.code == TOO_LARGE
    ):
        return Permanent(text)
    return ReceiverError(ReceiverProblem.MISCONFIGURED, text)
