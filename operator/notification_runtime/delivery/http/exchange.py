"""One request of a receiver over HTTP, and what its answer or its failure means.

The session is shared and guarded; nothing but the host of a URL, and no secret of the receiver, appears in
an error.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import re
import ssl
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
from yarl import URL

from atomic_status.headers import parse_retry_after
from notification_domain.error_text import chain, describe
from notification_runtime.delivery.channel import (
    DeliveryError,
    InvalidOptionsError,
    Permanent,
    RateLimited,
    ReceiverError,
    ReceiverProblem,
    Refused,
    Transient,
)
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError
from notification_runtime.delivery.http.name_resolver import resolving_for
from notification_runtime.fair.fair_queue import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from aiohttp.abc import AbstractResolver, AbstractStreamWriter

    from notification_runtime.delivery.http.egress_policy import EgressPolicy

JSON: Final = "application/json"
MAX_QUOTE: Final = 16 * 1024
"""Bytes of a response body that are read, unless its text is needed."""
BODY_SECONDS: Final = 2.0
"""Time limit of a response body: its status has decided the result already."""
ENCODINGS: Final = re.compile(
    r"utf-16|ascii|iso8859-\d+|cp125\d|koi8-[ru]|gb2312|gbk|gb18030|big5|shift_jis|euc_(jp|kr)"
)
"""Python's names of the encodings, other than UTF-8, that an answer may have. There are others whose decoding takes a time that
grows with the square of the length, or fails."""
MOST_CONNECTIONS: Final = 8
"""Connections of the receivers of a namespace in another protocol than HTTP."""
REDACTED: Final = "[REDACTED]"
MIN_SECRET: Final = 9
"""Characters from which on the path of a URL, or a part of it, counts as a secret."""
MIN_WHOLE: Final = 4
"""Characters from which on a whole secret is replaced: a shorter one would replace parts of words."""
TOO_MANY: Final = 429
UNAVAILABLE: Final = 503
SERVER_ERROR: Final = 500
DELAYING: Final = frozenset({TOO_MANY, UNAVAILABLE})
UNTRUSTED: Final[Mapping[int, ReceiverProblem]] = MappingProxyType(
    {
        401: ReceiverProblem.AUTHENTICATION_FAILED,
        403: ReceiverProblem.AUTHENTICATION_FAILED,
        404: ReceiverProblem.NOT_FOUND,
    }
)
SUCCESSES: Final = frozenset(range(200, 300))


class Unsent(Refused):
    """No connection came about, so the receiver knows nothing of the request."""


class OutcomeUnknown(Transient):
    """The request was sent, and no answer came: the receiver may have accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTable:
    """The meaning of the statuses of one kind of receiver; 429 and 5xx are transient, others permanent."""

    success: frozenset[int] = SUCCESSES
    transient: frozenset[int] = frozenset()
    receiver: Mapping[int, ReceiverProblem] = field(default_factory=lambda: UNTRUSTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a request: the start of its body, without secrets."""

    status: int
    body: str
    retry_after: float | None = None
    is_complete: bool = True
    """Whether the body is all of the answer, and not what a limit or a broken connection has left of it."""

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is none."""
        try:
            content = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def text(self) -> str:
        """The text of an error."""
        return f"HTTP {self.status}: {self.body}" if self.body else f"HTTP {self.status}"


class _Body(aiohttp.BytesPayload):
    """A body that knows whether it was sent: aiohttp writes it once a connection exists."""

    started = False

    async def write(self, writer: AbstractStreamWriter) -> None:
        self.started = True
        await super().write(writer)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self.started = True
        await super().write_with_length(writer, content_length)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAccess:
    """How one receiver reaches the network."""

    session: Callable[[], Awaitable[aiohttp.ClientSession]]
    """Returns the session of each request, which is used before anything else is awaited; its owner closes it."""
    policy: EgressPolicy
    """Checked before each request."""
    clock: Callable[[], datetime]
    timeout: float = 10.0
    """The limit of one request, or of one step of a conversation, in seconds."""
    server_name: str = ""
    """The name in the server's certificate; empty: the host."""
    tls: Callable[[], Awaitable[ssl.SSLContext | None]] | None = None
    """Returns the certificates of connections without `session`; None: the certificate authorities of the system."""
    names: AbstractResolver | None = None
    """Resolves hosts of connections without `session`; None: in a thread."""
    namespace: str = ""
    """The namespace of the receiver. Names are resolved within its limit."""
    connections: FairSemaphore = field(default_factory=lambda: FairSemaphore(MOST_CONNECTIONS))
    """Connections without `session` of all receivers of the namespace."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held for one pass of the event loop before a large content is prepared; shared by all receivers."""

    def checked(self, url: str) -> str:
        """Return a URL that the policy permits, as far as that is known without a look-up.

        Raises:
            AddressNotAllowedError: it can never be used.
        """
        self.policy.check_url(url)
        return url


USUAL: Final = StatusTable()
"""Used by a channel whose module has no TABLE."""


class HttpExchange:
    """Sends requests to one URL.

    Args:
        access: the way to the network.
        url: where it sends them.
        table: what each status means.
        secrets: texts that no error may contain, such as URLs and tokens.
        most: bytes of a response body that are read.
    """

    def __init__(
        self,
        access: NetworkAccess,
        url: str,
        *,
        table: StatusTable = USUAL,
        secrets: Iterable[str] = (),
        most: int = MAX_QUOTE,
    ) -> None:
        self._access = access
        self._most = most
        self._url = url
        self._table = table
        self._secrets = sorted({part for secret in secrets for part in _parts(secret)}, key=len, reverse=True)

    async def post(self, content: bytes, *, headers: Mapping[str, str]) -> Reply:
        """Post once; returning means that the status is a success.

        Raises:
            Unsent, OutcomeUnknown, Transient: another attempt may succeed.
            Permanent: the receiver refused the message.
            ReceiverError: the receiver would refuse any message.
        """
        reply = await self.request(content, headers=headers)
        self.raise_for(reply)
        return reply

    async def request(self, content: bytes, *, headers: Mapping[str, str], method: str = "POST") -> Reply:
        """Send a request once, and return whatever the answer is.

        Raises:
            Unsent, OutcomeUnknown, ReceiverError: there is no answer.
        """
        body = _Body(content)
        failure: DeliveryError
        try:
            url = self._access.checked(self._url)
            with resolving_for(self._access.namespace):
                async with (
                    asyncio.timeout(self._access.timeout),
                    (await self._access.session()).request(
                        method,
                        url,
                        data=body,
                        headers=dict(headers),
                        allow_redirects=False,
                        server_hostname=self._access.server_name or None,
                    ) as response,
                ):
                    text, is_complete = await _quote(response, self._most)
                    return self._reply(response, text, is_complete=is_complete)
        except TimeoutError:
            failure = self._timed_out(sent=body.started)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = self._failure(error, sent=body.started)
        failure.refused = failure.refused and not body.started
        # Raised outside the handler, and so without a cause: the text of a cause may hold the URL.
        raise failure

    async def close(self) -> None:
        """Close connections of its own; those of a shared session stay."""

    def raise_for(self, reply: Reply) -> None:
        """Raise what a reply means, unless it is a success.

        Raises:
            RateLimited, Transient, Permanent, ReceiverError: by the table.
        """
        if reply.status not in self._table.success:
            raise self.refusal(reply)

    def refusal(self, reply: Reply) -> DeliveryError:
        """Return what a reply means that is no success."""
        status, table = reply.status, self._table
        if status in table.receiver:
            return ReceiverError(table.receiver[status], reply.text)
        if status == TOO_MANY:
            return RateLimited(reply.text, retry_after=reply.retry_after)
        if status == UNAVAILABLE or status in table.transient:
            return Refused(reply.text, retry_after=reply.retry_after)
        if status >= SERVER_ERROR:
            return Transient(reply.text, retry_after=reply.retry_after)
        return Permanent(reply.text)

    def without_secrets(self, text: str) -> str:
        """Return a text in which no secret of the receiver is left."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    def _reply(self, response: aiohttp.ClientResponse, text: str, *, is_complete: bool) -> Reply:
        delay = None
        if response.status in DELAYING:
            delay = parse_retry_after(response.headers.get("Retry-After"), now=self._access.clock())
        body = self.without_secrets(text)
        return Reply(status=response.status, body=body, retry_after=delay, is_complete=is_complete)

    def _timed_out(self, *, sent: bool) -> Transient:
        if sent:
            return OutcomeUnknown(
                f"no answer within {self._access.timeout:g} s; the receiver may have accepted the message"
            )
        return Unsent(f"no connection within {self._access.timeout:g} s")

    def _failure(self, error: Exception, *, sent: bool) -> DeliveryError:
        if isinstance(error, aiohttp.ClientHttpProxyError):
            # Its own text has the URL of the proxy, whose user name may be a token.
            return Unsent(self.without_secrets(f"HTTP {error.status}: from the proxy: {error.message}"))
        links = list(chain(error))
        text = self.without_secrets(describe(error, redact=str))
        refusal = next((link for link in links if isinstance(link, AddressNotAllowedError)), None)
        if refusal is not None:
            return ReceiverError(ReceiverProblem.ADDRESS_NOT_ALLOWED, self.without_secrets(str(refusal)))
        if any(isinstance(link, ssl.SSLCertVerificationError) for link in links):
            return ReceiverError(ReceiverProblem.CERTIFICATE_INVALID, text)
        if any(isinstance(link, InvalidOptionsError) for link in links):
            # The certificates are being examined, and the receiver holds the next attempt.
            return Unsent(text)
        if any(isinstance(link, aiohttp.InvalidURL | ValueError) for link in links):
            return ReceiverError(ReceiverProblem.MISCONFIGURED, f"the URL is not valid: {text}")
        return OutcomeUnknown(text) if sent else Unsent(text)


async def _quote(response: aiohttp.ClientResponse, most: int) -> tuple[str, bool]:
    """Return the text of the body within bounds, and whether that is all of it: then the connection stays open."""
    body, is_complete = bytearray(), False
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > most:
                    break
            else:
                is_complete = True
    return bytes(body[:most]).decode(_encoding(response.charset or ""), errors="replace"), is_complete


def _encoding(charset: str) -> str:
    """Return the encoding that an answer names if it is a usual one; otherwise UTF-8."""
    with contextlib.suppress(LookupError):
        name = codecs.lookup(charset).name
        if ENCODINGS.fullmatch(name):
            return name
    return "utf-8"


def _parts(secret: str) -> Iterator[str]:
    """Yield a secret, and of a URL everything but its host: whole and in parts, as written and as decoded."""
    if len(secret) >= MIN_WHOLE:
        yield secret
    try:
        url = URL(secret)
    except ValueError:
        return
    if url.host is None:
        return
    wholes = (str(url), url.human_repr(), url.raw_path_qs, url.path_qs, url.raw_path, url.path)
    parts = (*url.raw_parts, *url.parts, *url.query.values(), url.user or "", url.password or "")
    yield from (part for part in (*wholes, *parts) if len(part) >= MIN_SECRET)
