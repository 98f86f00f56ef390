"""The pages of the inbox, a list for programs, and the two webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from examples.demo.inbox.signature import NotVerifiedError, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from examples.demo.inbox.mailbox import Mailbox

MAX_BODY = 10 * 1024 * 1024
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""A mail comes from somewhere: no script of it runs, and nothing is loaded for it."""


class Pages:
    """`key` signs the webhooks; `clock` returns the current time."""

    def __init__(self, mailbox: Mailbox, *, key: str, clock: Callable[[], datetime] | None = None) -> None:
        self._mailbox = mailbox
        self._key = key
        self._clock = clock or (lambda: datetime.now(UTC))
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
        )

    def application(self) -> web.Application:
        """Return the server of everything."""
        application = web.Application(client_max_size=MAX_BODY)
        application.add_routes(
            [
                web.get("/", self._list),
                web.get("/messages/{number:\\d+}", self._single),
                web.get("/api/messages", self._summaries),
                web.get("/healthz", self._healthy),
                web.post("/webhook", self._webhook),
                web.post("/gone", self._gone),
            ]
        )
        return application

    async def _list(self, _request: web.Request) -> web.Response:
        return self._page(messages=self._mailbox.newest_first(), message=None)

    async def _single(self, request: web.Request) -> web.Response:
        message = self._mailbox.get(int(request.match_info["number"]))
        if message is None:
            raise web.HTTPNotFound(text="this message is not in the inbox any more\n")
        return self._page(messages=[], message=message)

    def _page(self, **context: object) -> web.Response:
        text = self._templates.get_template("page.html.j2").render(**context)
        return web.Response(text=text, content_type="text/html", headers=SECURITY)

    async def _summaries(self, _request: web.Request) -> web.Response:
        return web.json_response([message.summary() for message in self._mailbox.newest_first()])

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _webhook(self, request: web.Request) -> web.Response:
        """Take a message: a wrong signature is shown in the inbox, and refused."""
        body, now = await request.read(), self._clock()
        try:
            message_id = verify(self._key, request.headers, body, now=now.timestamp())
            verdict, trusted = f"signature verified, message {message_id}", True
        except NotVerifiedError as error:
            verdict, trusted = f"not verified: {error}", False
        self._mailbox.add_webhook(body, request.headers, verdict=verdict, trusted=trusted, at=now)
        return web.Response(status=200 if trusted else 401, text=f"{verdict}\n")

    async def _gone(self, _request: web.Request) -> web.Response:
        """Be a receiver that was removed."""
        return web.Response(status=410, text="this receiver is gone\n")
