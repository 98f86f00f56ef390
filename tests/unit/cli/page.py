"""The page of `notif web` over notifications and receivers in memory, on a free port."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from notification_cli.errors import ApiError, CliError
from notification_cli.views.explaining.explanation import explain
from notification_cli.views.explaining.known import declared
from notification_cli.views.rows import ReceiverFilter, receivers_of
from notification_cli.web.application import Application
from notification_cli.web.serve import listen
from notification_cli.web.source import PAGE, Filter, Listed, Source
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.routing import RoutingState
from tests.unit.cli.samples import NOW
from tests.unit.operator.domain.receivers.builders import HOME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from notification_cli.views.explaining.explanation import Explanation
    from notification_domain.model import Notification

ROOT = "/secret"


@dataclass(slots=True)
class MemorySource(Source):
    """Notifications and receivers in memory; `changed` ends a watch with a change."""

    objects: Sequence[dict[str, Any]] = ()
    nrecvs: Sequence[dict[str, Any]] = ()
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watches: int = 0
    watched: list[Filter] = field(default_factory=list)
    failures: int = 0
    """Readings of a list to which the API server does not respond."""
    denied: str = ""
    denied_receivers: str = ""
    broken_watch: ApiError | None = None

    async def page(self, chosen: Filter, start: str) -> Listed:
        if self.failures:
            self.failures -= 1
            raise ApiError("the API server does not respond")
        if self.denied:
            raise ApiError(self.denied, status=403)
        phases = set(chosen.phases)
        selected = [
            obj
            for obj in self.objects
            if (not phases or obj["status"]["phase"] in phases)
            and chosen.namespace in {"", obj["metadata"]["namespace"]}
            and (not chosen.receiver or ReceiverFilter.parse(chosen.receiver).matches(receivers_of(obj)))
        ]
        return _page(selected, start)

    async def incident(self, namespace: str, key: str) -> Listed:
        mine = [
            obj
            for obj in self.objects
            if (obj["metadata"]["namespace"], obj["spec"].get("dedupKey")) == (namespace, key)
        ]
        return Listed(objects=mine, next="", version="8")

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        for obj in self.objects:
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
                return obj
        raise CliError(f"there is no notification {name} in namespace {namespace}")

    async def receivers(self, namespace: str, start: str) -> Listed:
        if self.denied_receivers:
            raise ApiError(self.denied_receivers, status=403)
        selected = [obj for obj in self.nrecvs if namespace in {"", obj["metadata"]["namespace"]}]
        return _page(selected, start)

    async def receiver(self, namespace: str, name: str) -> dict[str, Any]:
        if self.denied_receivers:
            raise ApiError(self.denied_receivers, status=403)
        for obj in self.nrecvs:
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
                return obj
        raise CliError(f"there is no receiver {name} in namespace {namespace}")

    def receiver_changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:
        return self.changes(chosen, f"receivers {version}")

    async def changes(self, chosen: Filter, version: str) -> AsyncIterator[dict[str, Any]]:  # noqa: ARG002 - the protocol's
        self.watches += 1
        self.watched.append(chosen)
        try:
            if self.broken_watch is not None:
                raise self.broken_watch
            yield {"type": "BOOKMARK", "object": {}}
            await self.changed.wait()
            yield {"type": "MODIFIED", "object": {}}
        finally:
            self.watches -= 1

    async def explained(self, notification: Notification, now: datetime) -> Explanation:
        views = {
            ReceiverKey(obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in self.nrecvs
        }
        return explain(notification, RoutingState(), declared(views, home=HOME), now=now)


def _page(selected: Sequence[dict[str, Any]], start: str) -> Listed:
    first = int(start or 0)
    more = len(selected) > first + PAGE
    return Listed(objects=selected[first : first + PAGE], next=str(first + PAGE) if more else "", version="7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A client of the page."""

    session: aiohttp.ClientSession
    port: int

    def url(self, path: str = "/") -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{ROOT}{path}"

    async def get(self, path: str = "/", **options: Any) -> tuple[int, str]:
        """Return status and text of a response."""
        async with self.session.request(options.pop("method", "GET"), self.url(path), **options) as response:
            return response.status, await response.text()


@contextlib.asynccontextmanager
async def serving(source: MemorySource, *, namespace: str = "") -> AsyncIterator[Page]:
    """Serve the page; gives a client of it."""
    listener = listen(0)
    port = listener.getsockname()[1]
    application = Application(
        source, root=ROOT, namespace=namespace, scope="test", clock=lambda: NOW, options=("--context", "dev")
    )
    runner = web.AppRunner(application.build(port), shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Page(session=session, port=port)
    finally:
        await runner.cleanup()
