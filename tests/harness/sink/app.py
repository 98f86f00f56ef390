"""The sink: every server that test operators deliver to, with an API for the tests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from tests.harness.sink.accounts import Accounts
from tests.harness.sink.audit import AuditApi
from tests.harness.sink.connections import Connections
from tests.harness.sink.hits import Hits
from tests.harness.sink.mail import MailServer
from tests.harness.sink.posts import Posts
from tests.harness.sink.receivers import Receiver, header_text, raw_text
from tests.harness.sink.scripts import StubScripts
from tests.harness.sink.sender import Sender

if TYPE_CHECKING:
    import ssl

    from aiohttp.typedefs import Handler

LARGEST_BODY = 32 * 1024 * 1024
KEEP_ALIVE = 3600.0
"""Seconds that an idle connection is kept: the operator must be the one that closes it."""

STOP_WITHIN = 0.1
"""Seconds for open requests at shutdown; unanswered ones would take all of them."""


class Sink:
    """The server. In memory and bounded: the oldest entries are dropped."""

    def __init__(self) -> None:
        self._hits = Hits()
        self._connections = Connections()
        self._accounts = Accounts()
        self.mail = MailServer(accounts=self._accounts)
        self._runner: web.AppRunner | None = None
        self._servers: list[asyncio.Server] = []

    async def start(self, host: str, port: int) -> int:
        """Serve; return the port, which the system chooses if it is 0."""
        self._runner = web.AppRunner(
            self._application(),
            # A receiver notices that the client aborts a request.
            handler_cancellation=True,
            keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=STOP_WITHIN,
            access_log=None,
        )
        await self._runner.setup()
        return await self.start_on(host, port)

    async def start_on(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Serve the same on one more port, over TLS with a context."""
        assert self._runner is not None
        assert self._runner.server is not None
        factory = self._connections.counted(self._runner.server)
        server = await asyncio.get_running_loop().create_server(factory, host, port, ssl=context)
        self._servers.append(server)
        address: tuple[str, int] = server.sockets[0].getsockname()
        return address[1]

    async def stop(self) -> None:
        """Stop, and abort open connections."""
        self.mail.stop()
        for server in self._servers:
            server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        hits, connections = self._hits, self._connections
        application = web.Application(client_max_size=LARGEST_BODY, middlewares=[explain])
        for part in (
            Receiver("slack", key=header_text, hits=hits, connections=connections),
            Receiver("webhook", key=raw_text, hits=hits, connections=connections),
            AuditApi(hits=hits, connections=connections),
            StubScripts(),
            Sender(),
            Posts(accounts=self._accounts, hits=hits, connections=connections),
            self._accounts,
            self.mail,
        ):
            application.add_routes(part.routes())
        application.add_routes(
            [
                web.get("/hits/{operator}", self._history),
                web.get("/connections/{operator}", self._connected),
                web.get("/healthz", healthy),
            ]
        )
        return application

    async def _history(self, request: web.Request) -> web.Response:
        options = {key: request.query.get(key, "") for key in ("kind", "uid", "token")}
        return web.json_response(self._hits.of(request.match_info["operator"], **options))

    async def _connected(self, request: web.Request) -> web.Response:
        path = f"/{request.query.get('kind', 'slack')}/{request.match_info['operator']}"
        return web.json_response(self._connections.to(path))


async def healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Respond to an invalid request with 400 and the reason."""
    try:
        return await handler(request)
    except (ValidationError, ValueError) as error:
        raise web.HTTPBadRequest(text=str(error)) from error
