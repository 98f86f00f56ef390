"""The client of the audit store's batch endpoint."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import aiohttp

from notification_operator.domain.audit_events import ACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/api/v1/audit/events/batch"
RESPONSE_SECONDS = 10.0
"""Time limit of one request."""
SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
MAX_QUOTE = 300
"""Bytes of a response that an error quotes."""


class StoreError(Exception):
    """The store did not accept a batch."""


class Refused(StoreError):  # noqa: N818 - reads as a fact, like its sibling
    """The store refuses this batch permanently."""


class Unavailable(StoreError):  # noqa: N818 - reads as a fact, like its sibling
    """The store gave no usable response; the batch may be sent again."""


class AuditStore(Protocol):
    """The store as the writer uses it."""

    async def write(self, events: Sequence[bytes]) -> None:
        """Store a batch of events, each the bytes of a JSON object.

        Raises:
            Refused: another attempt would fail the same way.
            Unavailable: another attempt may succeed.
        """
        ...

    async def close(self) -> None:
        """Release the connections."""
        ...


class HttpAuditStore(AuditStore):
    """The store over HTTP, with one session, which the first batch opens."""

    def __init__(
        self,
        url: str,
        *,
        token_file: Path = SERVICE_ACCOUNT_TOKEN,
        response_seconds: float = RESPONSE_SECONDS,
    ) -> None:
        self._endpoint = url.rstrip("/") + PATH
        self._token_file = token_file
        self._timeout = aiohttp.ClientTimeout(total=response_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def write(self, events: Sequence[bytes]) -> None:
        """See `AuditStore.write`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=True)
        body = b"[" + b",".join(events) + b"]"
        try:
            async with self._session.post(self._endpoint, data=body, headers=self._headers()) as response:
                if response.ok:
                    return
                text = (await response.content.read(MAX_QUOTE)).decode(errors="replace")
        except TimeoutError:
            raise Unavailable(f"{self._endpoint} did not respond within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{self._endpoint} cannot be reached: {error!r}") from error
        failure = Unavailable if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
        raise failure(f"{self._endpoint} responded with {response.status}: {text}")

    async def close(self) -> None:
        """See `AuditStore.close`."""
        if self._session is not None:
            await self._session.close()

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "X-Auth-Request-User": ACTOR}
        # Read for each batch: the kubelet replaces the file long before the token in it expires.
        token = self._token_file.read_text().strip() if self._token_file.exists() else ""
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})
