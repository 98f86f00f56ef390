"""The routes of the page."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from notification_cli.actions.single import read
from notification_cli.errors import CliError, ExitCode
from notification_cli.views.timeline import timeline
from notification_cli.web.pages import Pages, query
from notification_cli.web.security import add_headers, guard
from notification_cli.web.source import Filter
from notification_operator.domain.status import Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from notification_cli.web.source import Source

STATIC: Final = Path(__file__).parent / "static"
FILES: Final = {"style.css": "text/css", "live.js": "text/javascript"}
GATHER_SECONDS: Final = 0.3
"""Changes within this time are one."""
HEARTBEAT_SECONDS: Final = 15.0


class Application:
    """Answers the requests of one page.

    Args:
        source: where notifications are read.
        root: the path that holds the secret; other users of this machine do not know it.
        namespace: the namespace that the page is limited to; empty for all.
        clock: the present time.
    """

    def __init__(
        self, source: Source, *, root: str, namespace: str, scope: str, clock: Callable[[], datetime]
    ) -> None:
        self._source = source
        self._root = root
        self._namespace = namespace
        self._clock = clock
        self._pages = Pages(root, scope=scope)

    def build(self, port: int) -> web.Application:
        """Return the application for this port."""
        app = web.Application(middlewares=[guard(port)])
        app.on_response_prepare.append(add_headers)
        app.router.add_get(f"{self._root}/", self._guarded(self._list))
        app.router.add_get(f"{self._root}/n/{{namespace}}/{{name}}", self._guarded(self._single))
        app.router.add_get(f"{self._root}/events", self._events, allow_head=False)
        app.router.add_get(f"{self._root}/static/{{file}}", self._static)
        return app

    def _guarded(
        self, page: Callable[[web.Request], Awaitable[str]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                text, status = await page(request), 200
            except CliError as error:
                text, status = (
                    self._pages.problem(str(error)),
                    404 if error.code is ExitCode.NEGATIVE else 502,
                )
            return web.Response(status=status, text=text, content_type="text/html")

        return handle

    async def _list(self, request: web.Request) -> str:
        chosen = self._filter(request)
        listed = await self._source.page(chosen, request.query.get("start", ""))
        return self._pages.listing(listed, chosen, self._clock())

    async def _single(self, request: web.Request) -> str:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if self._namespace and namespace != self._namespace:
            raise CliError(f"this page shows namespace {self._namespace} only; start it with -A for all")
        obj = await self._source.get(namespace, name)
        notification, now = read(obj), self._clock()
        version = obj["metadata"]["resourceVersion"]
        return self._pages.single(
            notification,
            await self._source.explained(notification, now),
            timeline(notification, now=now),
            events=query(Filter(namespace=namespace, name=name), version=version),
            now=now,
        )

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        if name not in FILES:
            raise web.HTTPNotFound
        return web.Response(body=(STATIC / name).read_bytes(), content_type=FILES[name], charset="utf-8")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send one event at the next change, and end: the page reloads itself and asks again from its version."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        changed = asyncio.ensure_future(
            self._changed(self._filter(request), request.query.get("version", ""))
        )
        try:
            # With a pause, so that a browser that has to reconnect does not do so at once.
            await response.write(b"retry: 3000\n\n")
            while not (await asyncio.wait({changed}, timeout=HEARTBEAT_SECONDS))[0]:
                await response.write(b":\n\n")
            await response.write(b"event: change\ndata: \n\n")
        except ConnectionError:
            # The page was closed.
            pass
        finally:
            changed.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await changed
        return response

    async def _changed(self, chosen: Filter, version: str) -> None:
        """Return when there is a change, or when changes cannot be followed from this version."""
        with contextlib.suppress(CliError):
            async for event in self._source.changes(chosen, version):
                if event["type"] != "BOOKMARK":
                    break
        await asyncio.sleep(GATHER_SECONDS)

    def _filter(self, request: web.Request) -> Filter:
        return Filter(
            namespace=self._namespace or request.query.get("namespace", ""),
            phases=[phase for phase in request.query.getall("phase", []) if phase in set(Phase)],
            labels=request.query.get("labels", ""),
            name=request.query.get("name", ""),
        )
