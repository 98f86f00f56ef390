"""One request and its answer, as the routes see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from notification_gateway.metrics import UNKNOWN, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_gateway.authentication.incoming import Incoming
    from notification_gateway.sources.catalog import SourceKey

JSON: Final = "application/json"
REFUSAL: Final = b'{"error":"unauthorized"}\n'
"""The same for an unknown path, a wrong method, and wrong credentials."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request, and what is known of it: nothing before it is authenticated."""

    incoming: Incoming
    path: tuple[str, ...]
    query: Mapping[str, str]
    permitted: Callable[[str], None]
    """Notes that the authenticated sender may do what it asks for in a namespace. Raises `Unavailable` if too many requests for it are being answered."""
    is_open: Callable[[], bool]
    """Returns whether the connection is open in both directions."""
    route: str = "unknown"
    """For the log, which holds no path."""
    label: str = UNKNOWN
    """For the metrics."""
    source: SourceKey | None = None
    """The source, once the sender is authenticated."""
    refused: SourceKey | None = None
    """The source that has accepted a message before, and not the credentials of this one; for the metrics."""
    is_alertmanager: bool = False
    """Whether the sender repeats what fails with 5xx, and nothing else."""
    is_slack: bool = False
    """Whether errors are those of Slack, in plain text."""
    is_authenticated: bool = False
    covered: tuple[str, ...] = ()
    """What the signature that authenticates the sender covers and tells messages apart; empty for another credential."""
    reason: str = ""
    """Why the message may be sent again, for the log. Other refusals can quote the message, and are for its sender alone."""
    outcome: Outcome = field(default=Outcome.UNAUTHENTICATED)

    def authenticated(self, route: str, label: str) -> None:
        """Note which route an authenticated sender takes."""
        self.route, self.label, self.is_authenticated = route, label, True


def answer(
    status: int, content: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a response in JSON."""
    return web.Response(status=status, body=orjson.dumps(content) + b"\n", content_type=JSON, headers=headers)


def refusal() -> web.Response:
    """Return the response to everything that is not authenticated."""
    return web.Response(status=HTTPStatus.UNAUTHORIZED, body=REFUSAL, content_type=JSON)


def retry_header(seconds: float | None, *, default: int) -> dict[str, str]:
    """Return the header that says when to come again."""
    return {"Retry-After": str(default if seconds is None else max(ceil(seconds), 1))}
