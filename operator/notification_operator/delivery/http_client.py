"""The HTTP client of one destination: its connections, and the meaning of its responses.

It follows no redirect, quotes a response within bounds, and shows nothing of the URL but its host, since
the rest may be a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from atomic_status.headers import parse_retry_after
from notification_operator.delivery.channel import DeliveryError, Permanent, RateLimited, Transient
from notification_operator.domain.text.error_text import chain, describe
from notification_operator.kube.proxy.environment import session_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

IDLE_SECONDS: Final = 30.0
"""An unused connection is closed after this time, at the latest after twice as long."""
MAX_QUOTE: Final = 16 * 1024
"""Bytes of a response body that are read."""
BODY_SECONDS: Final = 2.0
"""Time limit of a response body: its status has decided the result already."""
MIN_SECRET: Final = 9
"""Characters from which on the path of the URL, or a part of it, counts as a secret."""
REDACTED: Final = "[REDACTED]"

DELAYING: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
"""Statuses whose Retry-After counts."""

TRANSIENT_SSL_ERRORS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""Errors that the ssl module reports for a broken connection."""


class HttpClient:
    """Posts messages to one URL, over its own persistent connections."""

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = url
        self._connections = connections
        self._clock = clock
        self._secrets = sorted(_secrets(url), key=len, reverse=True)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, content: bytes, *, headers: Mapping[str, str]) -> None:
        """Post once; returning means that the receiver accepted the message.

        Raises:
            Transient: the network failed, or the status was 5xx.
            RateLimited: the status was 429.
            Permanent: TLS failed, or the status was any other than 2xx.
        """
        try:
            async with self._open().post(
                self._url, data=content, headers=headers, allow_redirects=False
            ) as response:
                body = await _quote(response)
                if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                    return
                error = self._refusal(response.status, body, response.headers.get("Retry-After"))
        except (aiohttp.ClientError, OSError) as failure:
            error = self._failure(failure)
        # Raised outside the handler, and so without a cause: the text of a cause may hold the URL.
        raise error

    async def close(self) -> None:
        """Close the connections; a later post opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session; the first post creates it, since it belongs to the running loop."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                **session_options(self._url),
            )
        return self._session

    def _refusal(self, status: int, body: str, retry_after: str | None) -> DeliveryError:
        text = self._without_url(f"HTTP {status}: {body}" if body else f"HTTP {status}")
        delay = parse_retry_after(retry_after, now=self._clock()) if status in DELAYING else None
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimited(text, retry_after=delay)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Transient(text, retry_after=delay)
        return Permanent(text)

    def _failure(self, error: Exception) -> DeliveryError:
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return self._refusal(error.status, f"from the proxy: {error.message}", None)
        # Other secrets are redacted with the text of the attempt, by the configured rules.
        text = self._without_url(describe(error, redact=str))
        return Permanent(text) if is_permanent(error) else Transient(text)

    def _without_url(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


def is_permanent(error: Exception) -> bool:
    """Return whether another attempt would fail the same way, as with an invalid URL or certificate."""
    if any(isinstance(link, aiohttp.InvalidURL) for link in chain(error)):
        return True
    return any(
        isinstance(link, ssl.SSLError) and not isinstance(link, TRANSIENT_SSL_ERRORS) for link in chain(error)
    )


async def _quote(response: aiohttp.ClientResponse) -> str:
    """Return the text of the body within the bounds; reading all of it keeps the connection open."""
    body = bytearray()
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > MAX_QUOTE:
                    break
    try:
        return bytes(body[:MAX_QUOTE]).decode(response.charset or "utf-8", errors="replace")
    except LookupError:
        return bytes(body[:MAX_QUOTE]).decode(errors="replace")


def _secrets(url: str) -> Iterator[str]:
    """Yield all of a URL but its host, whole and in parts, as written and as decoded."""
    try:
        parsed = URL(url)
    except ValueError:
        yield url
        return
    yield from (url, str(parsed), parsed.human_repr())
    whole = (parsed.raw_path_qs, parsed.path_qs, parsed.raw_path, parsed.path)
    parts = (
        *parsed.raw_parts,
        *parsed.parts,
        *parsed.query.values(),
        parsed.user or "",
        parsed.password or "",
    )
    yield from (text for text in (*whole, *parts) if len(text) >= MIN_SECRET)
