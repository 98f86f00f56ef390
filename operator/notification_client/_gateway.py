"""The gateway's REST interface: its requests, and what its answers mean. Pure, but for the clock, and the file and the function of a token.

A request is sent again if its answer is lost or says that it may succeed later. Its Idempotency-Key makes that one notification.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from notification_client._message import LEAST_SECONDS, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

Token: TypeAlias = str | Path | Callable[[], str]
"""A bearer token; the file that holds it, or a function that returns it, for tokens that are renewed: asked for each request."""
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
"""What the gateway accepts as an Idempotency-Key."""
TRIES: Final = 4
"""Times that a request is sent, at most."""
PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds before a request is sent again: by default, and at most."""
SECONDS: Final = 30.0
"""Time limit of an answer, in addition to the time that it was asked to wait."""
SHORTEST: Final = 0.01
"""A time limit of 0 would be none."""
MOST_WAIT: Final = 50
"""Seconds that the gateway is asked to wait with an answer, at most. It would wait for 60, after which a proxy such as nginx ends a request."""
LATER: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""The answers to a request that may succeed later: those of the gateway, and those of a proxy in front of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to send."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = None
    seconds: float = SECONDS
    end: float = inf
    """The monotonic time at which the caller no longer waits."""

    @property
    def time_limit(self) -> float:
        """The seconds within which the answer has to come."""
        return min(self.seconds, max(self.end - time.monotonic(), SHORTEST))

    def check_time(self, pause: float) -> None:
        """Raise `TimeoutError` if the caller no longer waits after a pause."""
        if time.monotonic() + pause >= self.end:
            raise TimeoutError("the gateway does not answer in time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def pause(self) -> float | None:
        """The seconds after which the request may succeed; None if sending it again changes nothing."""
        if self.status not in LATER:
            return None
        wanted = self.headers.get("retry-after", "")
        return min(float(wanted), LONGEST_PAUSE) if wanted.isdecimal() else PAUSE

    @property
    def content(self) -> dict[str, Any]:
        """The object of the answer."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def reason(self) -> str:
        """Why the request is refused, in the gateway's words if it is the gateway that answers."""
        try:
            return str(self.content["error"])
        except (ValueError, KeyError, TypeError):
            return "without a reason"


class Requests:
    """Makes the requests to one gateway."""

    def __init__(self, url: str, token: Token) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(
                f"{url!r} is not the URL of a gateway; write it like https://notifications.example.com"
            )
        self.url = url.rstrip("/")
        self._token = token

    def creation(self, namespace: str, obj: Mapping[str, Any], once: str | None) -> Request:
        """Return the request that creates a notification, with a key for each repeat of it.

        Raises:
            ValueError: it has labels, which the gateway does not accept from callers.
        """
        if obj["metadata"].get("labels"):
            raise ValueError(
                "the gateway accepts no labels; choose channels or receivers, or use a kubeconfig"
            )
        key = once if once is not None and KEY.fullmatch(once) else obj["metadata"]["name"]
        return Request(
            method="POST",
            url=self._place(namespace),
            headers={**self._headers(), "Content-Type": "application/json", "Idempotency-Key": key},
            body=json.dumps(obj["spec"]).encode(),
        )

    def reading(self, namespace: str, name: str, wait: float | None) -> Request:
        """Return the request that reads a notification: as it is, or when its delivery is over, for which the caller waits."""
        seconds = 0 if wait is None else min(int(max(wait, 0)), MOST_WAIT)
        return Request(
            method="GET",
            url=f"{self._place(namespace)}/{quote(name, safe='')}?wait={seconds}",
            headers=self._headers(),
            seconds=SECONDS + seconds,
            end=inf if wait is None else time.monotonic() + max(wait, seconds + LEAST_SECONDS),
        )

    def _place(self, namespace: str) -> str:
        return f"{self.url}/v1/namespaces/{quote(namespace, safe='')}/notifications"

    def _headers(self) -> dict[str, str]:
        token = self._token
        value = token.read_text("utf-8") if isinstance(token, Path) else token() if callable(token) else token
        return {"Authorization": f"Bearer {value.strip()}", "Accept": "application/json"}


def status_in(answer: Answer) -> Status:
    """Return the status that an answer shows."""
    content = answer.content
    return Status(
        phase=content["phase"] or "Pending",
        reason=content["reason"],
        message=content["message"],
        attempts=len(content["attempts"]),
    )
