"""A small API server behind the fault proxy: stores objects, streams watches, and records requests."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    import ssl

BASE = "/apis/kubernaut.ai/v1alpha1/namespaces/{namespace}/notificationrequests"


class ApiServer:
    """Serves TLS on its own port."""

    def __init__(self, identity: ssl.SSLContext) -> None:
        self.objects: dict[str, Any] = {}
        self.options: list[web.Request] = []
        self.watches: list[asyncio.Queue[bytes | None]] = []
        self.watched = asyncio.Event()
        self._identity = identity
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        application = web.Application(middlewares=[self._note])
        application.add_routes(
            [
                web.get("/version", self._version),
                web.get(BASE, self._list),
                web.get(f"{BASE}/{{name}}", self._get),
                web.put(f"{BASE}/{{name}}", self._put),
                web.put(f"{BASE}/{{name}}/status", self._put),
            ]
        )
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._identity).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def emit(self, data: bytes | None) -> None:
        """Send a piece to every watch; None ends them."""
        async with asyncio.timeout(5):
            await self.watched.wait()
        for watch in self.watches:
            watch.put_nowait(data)

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.options.append(request)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"gitVersion": "v1"}, headers={"Audit-Id": "7"})

    async def _get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.objects:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        return web.json_response(self.objects[name])

    async def _put(self, request: web.Request) -> web.Response:
        self.objects[request.match_info["name"]] = await request.json()
        return web.json_response(self.objects[request.match_info["name"]])

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.Response(body=json.dumps({"items": list(self.objects.values())}).encode())
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.watches.append(queue)
        self.watched.set()
        try:
            while (piece := await queue.get()) is not None:
                await response.write(piece)
        finally:
            self.watches.remove(queue)
        return response
