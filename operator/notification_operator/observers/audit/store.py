"""The audit store's batch endpoint, as this service calls it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from notification_operator.domain.audit_events import ACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/api/v1/audit/events/batch"
ANSWER_WITHIN = 10.0
"""Seconds that the store has to take one batch."""
SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
QUOTED = 300
"""Characters of an answer that an error quotes."""


class StoreError(Exception):
    """A batch was not taken."""


class Refused(StoreError):  # noqa: N818 - says of which kind the failure is
    """The store will not take this batch, however often it is sent."""


class Unavailable(StoreError):  # noqa: N818 - likewise
    """The store did not answer, or asked to be left alone; the batch may be sent again."""


class Store:
    """A client with one session, which is made with the first batch."""

    def __init__(
        self, url: str, *, token_file: Path = SERVICE_ACCOUNT_TOKEN, answer_within: float = ANSWER_WITHIN
    ) -> None:
        self._endpoint = url.rstrip("/") + PATH
        self._token_file = token_file
        self._timeout = aiohttp.ClientTimeout(total=answer_within)
        self._session: aiohttp.ClientSession | None = None

    async def write(self, events: Sequence[bytes]) -> None:
        """Hand over a batch of events, each the bytes of a JSON object.

        Raises:
            Refused: sending it again would not help.
            Unavailable: it might.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, trust_env=True)
        body = b"[" + b",".join(events) + b"]"
        try:
            async with self._session.post(self._endpoint, data=body, headers=self._headers()) as answer:
                if answer.ok:
                    return
                text = (await answer.content.read(QUOTED)).decode(errors="replace")
                problem = f"{self._endpoint} answered {answer.status}: {text}"
        except TimeoutError:
            raise Unavailable(f"{self._endpoint} did not answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{self._endpoint} cannot be reached: {error!r}") from error
        raise (Unavailable if answer.status >= 500 else Refused)(problem)  # noqa: PLR2004 - the server's own failures

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "X-Auth-Request-User": ACTOR}
        # Read each time: the kubelet replaces the file long before the token in it runs out.
        token = self._token_file.read_text().strip() if self._token_file.exists() else ""
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})
