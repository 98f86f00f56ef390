"""The routes of the page."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from notification_cli.actions.single import read
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.views.incidents import events_of
from notification_cli.views.timeline import timeline
from notification_cli.web.hints import Hints
from notification_cli.web.layout import RECEIVERS, Layout
from notification_cli.web.pages import Pages
from notification_cli.web.receivers import KIND, ReceiverPages
from notification_cli.web.security import add_headers, guard
from notification_cli.web.source import NOTHING, Filter
from notification_contract.kinds.choices import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime
    from typing import Any

    from notification_cli.web.source import Source

STATIC: Final = Path(__file__).parent / "static"
FILES: Final = {"style.css": "text/css", "live.js": "text/javascript"}
GATHER_SECONDS: Final = 0.3
"""Changes within this time are one."""
HEARTBEAT_SECONDS: Final = 15.0
POLL_SECONDS: Final = 20.0
"""How often a page reads again what it cannot follow, such as without the right to watch."""


class Application:
    """Answers the requests of one page.

    Args:
        source: where notifications and receivers are read.
        root: the path that holds the secret; other users of this machine do not know it.
        namespace: the namespace that the page is limited to; empty for all.
        scope: what the page shows, in words.
        clock: the present time.
        options: the options that name the cluster in the commands that the page shows.
    """

    def __init__(  # noqa: PLR0913 - what a page consists of
        self,
        source: Source,
        *,
        root: str,
        namespace: str,
        scope: str,
        clock: Callable[[], datetime],
        options: Sequence[str] = (),
    ) -> None:
        self._source = source
        self._root = root
        self._namespace = namespace
        self._clock = clock
        layout, hints = Layout(root, scope=scope), Hints(options)
        self._pages, self._receivers = Pages(layout, hints), ReceiverPages(layout, hints)

    def build(self, port: int) -> web.Application:
        app = web.Application(middlewares=[guard(port)])
        app.on_response_prepare.append(add_headers)
        app.router.add_get(f"{self._root}/", self._guarded(self._list))
        app.router.add_get(f"{self._root}/n/{{namespace}}/{{name}}", self._guarded(self._single))
        app.router.add_get(f"{self._root}/receivers", self._guarded(self._receiver_list, here=RECEIVERS))
        app.router.add_get(
            f"{self._root}/r/{{namespace}}/{{name}}", self._guarded(self._receiver, here=RECEIVERS)
        )
        app.router.add_get(f"{self._root}/events", self._events, allow_head=False)
        app.router.add_get(f"{self._root}/static/{{file}}", self._static)
        return app

    def _guarded(
        self, page: Callable[[web.Request], Awaitable[str]], *, here: str = ""
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                text, status = await page(request), 200
            except CliError as error:
                text = self._pages.problem(str(error), here=here, chosen=self._filter(request))
                status = _status(error)
            return web.Response(status=status, text=text, content_type="text/html")

        return handle

    async def _list(self, request: web.Request) -> str:
        chosen = self._filter(request)
        listed = await self._source.page(chosen, request.query.get("start", ""))
        return self._pages.listing(listed, chosen, self._clock())

    async def _single(self, request: web.Request) -> str:
        obj = await self._source.get(*self._place(request))
        notification, now = read(obj), self._clock()
        key = notification.content.dedup_key
        listed = await self._source.incident(notification.namespace, key) if key else NOTHING
        return self._pages.single(
            notification,
            await self._source.explained(notification, now),
            timeline(notification, now=now),
            incident=events_of(listed.objects, key),
            version=listed.version or obj["metadata"]["resourceVersion"],
            now=now,
        )

    async def _receiver_list(self, request: web.Request) -> str:
        chosen = Filter(namespace=self._filter(request).namespace)
        listed = await self._source.receivers(chosen.namespace, request.query.get("start", ""))
        return self._receivers.listing(listed, chosen, self._clock())

    async def _receiver(self, request: web.Request) -> str:
        # A receiver of another namespace may be where messages of this one go.
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        return self._receivers.single(await self._source.receiver(namespace, name), self._clock())

    def _place(self, request: web.Request) -> tuple[str, str]:
        """Return namespace and name of a notification."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if self._namespace and namespace != self._namespace:
            raise CliError(f"this page shows namespace {self._namespace} only; start it with -A for all")
        return namespace, name

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        if name not in FILES:
            raise web.HTTPNotFound
        return web.Response(body=(STATIC / name).read_bytes(), content_type=FILES[name], charset="utf-8")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send one event at the next change, and end: the page reloads itself and asks again from its version."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        changed = asyncio.ensure_future(self._changed(request))
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

    async def _changed(self, request: web.Request) -> None:
        """Return when there may be a change: at once after an event, after a while where changes cannot be followed."""
        seconds = GATHER_SECONDS
        try:
            async for event in self._followed(request):
                if event["type"] != "BOOKMARK":
                    break
        except CliError as error:
            # The version has expired, and the page has to be read again; anything else, such as a missing right, stays.
            if getattr(error, "status", None) != HTTPStatus.GONE:
                seconds = POLL_SECONDS
        await asyncio.sleep(seconds)

    def _followed(self, request: web.Request) -> AsyncIterator[dict[str, Any]]:
        chosen, version = self._filter(request), request.query.get("version", "")
        if request.query.get("kind") == KIND:
            namespace = request.query.get("namespace", "") or self._namespace
            return self._source.receiver_changes(replace(chosen, namespace=namespace), version)
        return self._source.changes(chosen, version)

    def _filter(self, request: web.Request) -> Filter:
        return Filter(
            namespace=self._namespace or request.query.get("namespace", ""),
            phases=[phase for phase in request.query.getall("phase", []) if phase in set(Phase)],
            labels=request.query.get("labels", ""),
            receiver=request.query.get("receiver", "").strip(),
            name=request.query.get("name", ""),
            incident=request.query.get("incident", ""),
        )


def _status(error: CliError) -> int:
    """Return the HTTP status of a page that says what went wrong."""
    if isinstance(error, ApiError):
        return 403 if error.status == HTTPStatus.FORBIDDEN else 502
    return 400 if error.code is ExitCode.USAGE else 404
