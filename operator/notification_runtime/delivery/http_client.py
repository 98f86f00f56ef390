"""The HTTP client for channels of the operator's settings, plugins included: connections of its own to one URL.

It follows no redirect, quotes a response within bounds, and shows nothing of the URL but its host, since
the rest may be a secret.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import aiohttp

from notification_domain.error_text import chain, describe
from notification_runtime.delivery.channel import Permanent
from notification_runtime.delivery.http.egress_policy import EgressPolicy
from notification_runtime.delivery.http.exchange import (
    HttpExchange,
    NetworkAccess,
    OutcomeUnknown,
    Reply,
    StatusTable,
    Unsent,
)
from notification_runtime.kube.proxy import session_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from notification_runtime.delivery.channel import DeliveryError

IDLE_SECONDS: Final = 30.0
"""An unused connection is closed after this time, at the latest after twice as long."""
LONGEST_SECONDS: Final = 3600.0
"""The limit of a request, which the operator ends sooner."""
TABLE: Final = StatusTable(receiver=MappingProxyType({}))
TRANSIENT_SSL_ERRORS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""Errors that the ssl module reports for a broken connection."""


class HttpClient(HttpExchange):
    """Posts messages to one URL, over its own persistent connections.

    `post` raises `Transient` if the network failed or the status was 5xx, `RateLimited` if it was 429, and
    `Permanent` if TLS failed or the status was any other than 2xx.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        access = NetworkAccess(session=self._open, policy=_Anywhere(), clock=clock, timeout=LONGEST_SECONDS)
        super().__init__(access, url, table=TABLE, secrets=(url,))

    async def close(self) -> None:
        """Close the connections; a later post opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open(self) -> aiohttp.ClientSession:
        """Return the session, which the first post opens: it belongs to the running loop."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                **session_options(self._url),
            )
        return self._session

    def _failure(self, error: Exception, *, sent: bool) -> DeliveryError:
        if isinstance(error, aiohttp.ClientHttpProxyError):
            body = self.without_secrets(f"from the proxy: {error.message}")
            return self.refusal(Reply(status=error.status, body=body))
        # Other secrets are redacted with the text of the attempt, by the configured rules.
        text = self.without_secrets(describe(error, redact=str))
        if is_permanent(error):
            return Permanent(text)
        return OutcomeUnknown(text) if sent else Unsent(text)


def is_permanent(error: Exception) -> bool:
    """Return whether another attempt would fail the same way, as with an invalid URL or certificate."""
    if any(isinstance(link, aiohttp.InvalidURL) for link in chain(error)):
        return True
    return any(
        isinstance(link, ssl.SSLError) and not isinstance(link, TRANSIENT_SSL_ERRORS) for link in chain(error)
    )


class _Anywhere(EgressPolicy):
    """Permits every URL: the operator's settings choose it, and no tenant."""

    def check_url(self, url: str) -> None:
        """Accept a URL."""
