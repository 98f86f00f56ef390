"""The audit store as the writer uses it, and the client of a store's batch endpoint."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from atomic_status.headers import parse_retry_after
from notification_domain.audit_events import ACTOR
from notification_domain.error_text import describe
from notification_runtime.kube.proxy import session_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

PATH = "/api/v1/audit/events/batch"
RESPONSE_SECONDS = 10.0
"""Time limit of one request."""
MAX_QUOTE = 300
"""Bytes of a response that an error quotes."""
REFUSED_FOR_NOW: Final = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
"""Statuses that say nothing about the batch: a repaired configuration or a later request changes them."""


class StoreError(Exception):
    """The store did not accept a batch."""


class Refused(StoreError):  # noqa: N818 - reads as a fact, like its siblings
    """The store refuses this batch permanently."""


class TooLarge(StoreError):  # noqa: N818 - reads as a fact, like its siblings
    """The store accepts only smaller batches."""


class Unavailable(StoreError):  # noqa: N818 - reads as a fact, like its siblings
    """The store cannot accept any batch now; the same batch may be sent again.

    Args:
        reason: the cause.
        retry_after: the delay in seconds that the store asks for.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class AuditStore:
    """The store as the writer uses it."""

    async def write(self, events: Sequence[bytes]) -> None:
        """Store a batch of events, each the bytes of a JSON object.

        Raises:
            Refused: another attempt would fail the same way.
            TooLarge: a smaller batch may succeed.
            Unavailable: another attempt may succeed.
        """

    async def close(self) -> None:
        """Release the connections."""


class HttpAuditStore(AuditStore):
    """The store over HTTP, with one session, which the first batch opens.

    Args:
        url: the base URL of the store.
        token_file: the token that authenticates requests, issued for this store alone; None sends no token. The
            settings refuse a token for a URL that would expose it.
        response_seconds: time limit of one request.
    """

    def __init__(
        self, url: str, *, token_file: Path | None = None, response_seconds: float = RESPONSE_SECONDS
    ) -> None:
        self._endpoint = url.rstrip("/") + PATH
        self._shown = _without_credentials(self._endpoint)
        self._token_file = token_file
        self._timeout = aiohttp.ClientTimeout(total=response_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def write(self, events: Sequence[bytes]) -> None:
        """See `AuditStore.write`. A redirect is not followed: its destination is not the store."""
        token = self._token()
        body = b"[" + b",".join(events) + b"]"
        try:
            async with self._open().post(
                self._endpoint, data=body, headers=_headers(token), allow_redirects=False
            ) as response:
                if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                    return
                text = (await response.content.read(MAX_QUOTE)).decode(errors="replace")
        except TimeoutError:
            raise Unavailable(f"{self._shown} did not respond within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # Without the cause: its representation holds the credentials of a proxy.
            reason = describe(error, redact=str)
            raise Unavailable(f"{self._shown} cannot be reached: {reason}") from None
        if token:
            text = text.replace(token, "[REDACTED]")
        raise _failure(response, f"{self._shown} responded with {response.status}: {text}")

    async def close(self) -> None:
        """See `AuditStore.close`."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A proxy reads a plain request, token included.
            exposed = self._token_file is not None and not self._endpoint.lower().startswith("https:")
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                **({} if exposed else session_options(self._endpoint)),
            )
        return self._session

    def _token(self) -> str:
        """Return the present token; the kubelet replaces the file long before the token in it expires.

        Raises:
            Unavailable: there is none yet; a request without it would be refused.
        """
        if self._token_file is None:
            return ""
        try:
            token = self._token_file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise Unavailable(f"the token {self._token_file} cannot be read: {error!r}") from error
        if not token:
            raise Unavailable(f"the token {self._token_file} is empty")
        return token


def _without_credentials(url: str) -> str:
    parsed = URL(url)
    return str(parsed.with_user(None)) if parsed.absolute else url


def _headers(token: str) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json", "X-Auth-Request-User": ACTOR}
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})


def _failure(response: aiohttp.ClientResponse, text: str) -> StoreError:
    status = response.status
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge(text)
    if (
        status in REFUSED_FOR_NOW
        or status < HTTPStatus.BAD_REQUEST
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return Unavailable(text, retry_after=_retry_after(response.headers))
    return Refused(text)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the delay that a response asks for; a date is relative to the response's own date."""
    return parse_retry_after(headers.get("Retry-After"), now=_date(headers.get("Date")))


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else None
