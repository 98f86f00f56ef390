"""One receiver over HTTP: its connections, and what its answers mean.

Rules: no redirect is followed; what the receiver says is quoted, within bounds; nothing of the URL but
its host reaches an error, since the rest may be a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from notification_operator.delivery.channel import DeliveryError, Permanent, Transient
from notification_operator.domain.text.error_text import chain, describe
from notification_operator.kube.proxies import session_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

IDLE_SECONDS: Final = 30.0
"""A connection that is not used is closed after this, at the latest after twice as long."""
LONGEST_QUOTE: Final = 16 * 1024
"""Bytes of an answer that are read."""
READING_SECONDS: Final = 2.0
"""An answer's body may take this long: its status has said what there is to know."""
SHORTEST_SECRET: Final = 9
"""Characters from which on the URL's path, or a part of it, is taken for a secret."""
REDACTED: Final = "[REDACTED]"

PAUSE_ALLOWED: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
"""Answers whose Retry-After counts."""

BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""What the ssl module calls an error of TLS, and is one of the network."""


class HttpReceiver:
    """One URL that messages are posted to, over kept connections of its own."""

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
        """Post once; returning means that the receiver has it.

        Raises:
            Transient: the network failed, or the answer was 429 or 5xx.
            Permanent: TLS failed, or the answer was anything else but 2xx.
        """
        try:
            async with self._open().post(
                self._url, data=content, headers=headers, allow_redirects=False
            ) as answer:
                said = await _quote(answer)
                if answer.status // 100 == 2:  # noqa: PLR2004 - the class of the status
                    return
                error = self._refusal(answer.status, said, answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, OSError) as broken:
            error = self._failure(broken)
        # Raised here, and so without what led to it: the text of that may hold the URL.
        raise error

    async def close(self) -> None:
        """Close the connections; a later post opens them anew."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session; the first post makes it, since it belongs to the running loop."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                **session_options(self._url),
            )
        return self._session

    def _refusal(self, status: int, said: str, retry_after: str | None) -> DeliveryError:
        text = self._scrubbed(f"HTTP {status}: {said}" if said else f"HTTP {status}")
        if status == HTTPStatus.TOO_MANY_REQUESTS or status // 100 == 5:  # noqa: PLR2004 - the class of the status
            pause = self._pause(retry_after) if status in PAUSE_ALLOWED else None
            return Transient(text, retry_after=pause)
        return Permanent(text)

    def _failure(self, error: Exception) -> DeliveryError:
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return self._refusal(error.status, f"from the proxy: {error.message}", None)
        # Its secrets are masked with the try's text, by the rules that are set.
        text = self._scrubbed(describe(error, mask=str))
        return Permanent(text) if _is_final(error) else Transient(text)

    def _pause(self, asked: str | None) -> float | None:
        """Return the seconds that a Retry-After asks for, as a number or as a date."""
        if asked is None:
            return None
        with contextlib.suppress(ValueError):
            return float(asked)
        with contextlib.suppress(ValueError, OverflowError):
            moment = parsedate_to_datetime(asked)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max((aware - self._clock()).total_seconds(), 0.0)
        return None

    def _scrubbed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


def _is_final(error: Exception) -> bool:
    """Return whether another try would fail the same way: certificates do not get better by waiting."""
    if any(isinstance(link, aiohttp.InvalidURL) for link in chain(error)):
        return True
    return any(isinstance(link, ssl.SSLError) and not isinstance(link, BROKEN_OFF) for link in chain(error))


async def _quote(answer: aiohttp.ClientResponse) -> str:
    """Return the body's text, as far as it comes within the bounds; reading it all keeps the connection."""
    read = bytearray()
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(READING_SECONDS):
            async for piece in answer.content.iter_any():
                read += piece
                if len(read) > LONGEST_QUOTE:
                    break
    try:
        return bytes(read[:LONGEST_QUOTE]).decode(answer.charset or "utf-8", errors="replace")
    except LookupError:
        return bytes(read[:LONGEST_QUOTE]).decode(errors="replace")


def _secrets(url: str) -> Iterator[str]:
    """Yield what a URL holds beside its host, whole and in parts, as written and as decoded."""
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
    yield from (text for text in (*whole, *parts) if len(text) >= SHORTEST_SECRET)
