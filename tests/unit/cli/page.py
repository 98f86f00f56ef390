"""The page of `notif web` over notifications in memory, on a free port."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from notification_cli.errors import ApiError, CliError
from notification_cli.views.explanation import explain
from notification_cli.web.application import Application
from notification_cli.web.serve import listen
from notification_cli.web.source import PAGE, Filter, Listed
from notification_operator.domain.routing.state import RoutingState
from tests.unit.cli.samples import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from notification_cli.views.explanation import Explanation
    from notification_operator.domain.model import Notification

ROOT = "/secret"


@dataclass(slots=True)
class MemorySource:
    """Notifications in memory; `changed` ends a watch with a change."""

    objects: Sequence[dict[str, Any]] = ()
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watches: int = 0
    denied: str = ""

    async def page(self, chosen: Filter, start: str) -> Listed:
        if self.denied:
            raise ApiError(self.denied, status=403)
        phases = set(chosen.phases)
        selected = [
            obj
            for obj in self.objects
            if (not phases or obj["status"]["phase"] in phases)
            and chosen.namespace in {"", obj["metadata"]["namespace"]}
        ]
        first = int(start or 0)
        more = len(selected) > first + PAGE
        return Listed(
            objects=selected[first : first + PAGE], next=str(first + PAGE) if more else "", version="7"
        )

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        for obj in self.objects:
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
                return obj
        raise CliError(f"there is no notification {name} in namespace {namespace}")

    async def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:  # noqa: ARG002 - the protocol's
        self.watches += 1
        try:
            yield {"type": "BOOKMARK", "object": {}}
            await self.changed.wait()
            yield {"type": "MODIFIED", "object": {}}
        finally:
            self.watches -= 1

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        return explain(notification, RoutingState(), now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A client of the page."""

    session: aiohttp.ClientSession
    port: int

    async def get(self, path: str = "/", **options: Any) -> tuple[int, str]:
        """Return status and text of a response."""
        async with self.session.request(
            options.pop("method", "GET"), f"http://127.0.0.1:{self.port}{ROOT}{path}", **options
        ) as response:
            return response.status, await response.text()


@contextlib.asynccontextmanager
async def serving(source: MemorySource, *, namespace: str = "") -> AsyncIterator[Page]:
    """Serve the page; gives a client of it."""
    listener = listen(0)
    port = listener.getsockname()[1]
    application = Application(source, root=ROOT, namespace=namespace, scope="test", clock=lambda: NOW)
    runner = web.AppRunner(application.build(port), shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Page(session=session, port=port)
    finally:
        await runner.cleanup()
