"""A receiver over HTTP on 127.0.0.1: responds as scripted, and records requests and connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

PATH = "/services/T0123456789/B0123456789/verysecrettoken"


@dataclass(kw_only=True)
class Received:
    """One request."""

    body: bytes
    headers: dict[str, str]
    connection: int
    path: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpServer:
    """The received requests, and the scripted responses; the last one repeats, and the default is `ok`."""

    url: str = ""
    responses: list[Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: dict[int, asyncio.BaseTransport] = field(default_factory=dict)

    def add_response(self, status: int, body: str | bytes = "", **headers: str) -> None:
        """Add a response; an underscore in a header's name stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else body.encode()

        async def respond(_request: web.Request) -> web.Response:
            return web.Response(status=status, body=content, headers=named)

        self.responses.append(respond)

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return sum(not transport.is_closing() for transport in self.connections.values())

    async def until_all_are_closed(self) -> None:
        async with asyncio.timeout(5):
            while self.open_connections:  # noqa: ASYNC110 - transports have no event
                await asyncio.sleep(0.01)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        connection = id(request.transport)
        self.connections[connection] = request.transport
        self.received.append(
            Received(
                body=await request.read(),
                headers=dict(request.headers),
                connection=connection,
                path=request.path_qs,
            )
        )
        if not self.responses:
            return web.Response(text="ok")
        respond = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        return await respond(request)


@contextlib.asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpServer]:
    """Run a server, over TLS with a context."""
    server = HttpServer()
    app = web.Application(client_max_size=16 * 1024**2)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        scheme = "http" if tls is None else "https"
        server.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        yield server
    finally:
        await runner.cleanup()
