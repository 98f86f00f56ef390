"""A real audit store on 127.0.0.1, and a writer to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from notification_operator.observers.audit.store import HttpAuditStore
from notification_operator.observers.audit.writer import AuditWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RETRY_DELAYS = (0.01, 0.02)
NEVER = 0
"""In place of a status: no response."""


class AuditStore:
    """Responds with the scripted statuses, then with 201; records accepted batches and all requests."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        """Headers of the scripted responses."""
        self.most_events = 10**9
        """The largest batch that the store accepts; it answers 413 to a larger one."""
        self.requests: list[web.Request] = []
        self.batches: list[list[dict[str, Any]]] = []
        self._arrived = asyncio.Condition()
        self._ended = asyncio.Event()
        app = web.Application(client_max_size=1024**3)
        app.router.add_post("/audit/api/v1/audit/events/batch", self._take)
        app.router.add_get("/login", self._login)
        self.server = TestServer(app, host="127.0.0.1")

    @property
    def url(self) -> str:
        return str(self.server.make_url("/audit"))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch]

    async def until(self, *, events: int = 0, requests: int = 0) -> None:
        """Wait for so many events and requests."""
        async with asyncio.timeout(5), self._arrived:
            await self._arrived.wait_for(
                lambda: len(self.events) >= events and len(self.requests) >= requests
            )

    async def close(self) -> None:
        self._ended.set()
        await self.server.close()

    async def _login(self, _request: web.Request) -> web.Response:
        """Respond as the log-in page that an authenticating proxy redirects to."""
        return web.Response(text="please log in")

    async def _take(self, request: web.Request) -> web.Response:
        batch = await request.json()
        scripted = bool(self.statuses)
        code = self.statuses.pop(0) if scripted else 201
        if len(batch) > self.most_events:
            code = 413
        async with self._arrived:
            self.requests.append(request)
            if code == 201:
                self.batches.append(batch)
            self._arrived.notify_all()
        if code == NEVER:
            await self._ended.wait()
        if code == 304:
            return web.Response(status=code, headers=self.headers)
        headers = self.headers if scripted else None
        return web.Response(status=code or 201, text="from the store", headers=headers)


class Harness:
    """A writer, its metrics, and its store."""

    def __init__(self, store: AuditStore, *, capacity: int, batch_size: int, flush_seconds: float) -> None:
        self.store = store
        self.registry = CollectorRegistry()
        self.client = HttpAuditStore(store.url, response_seconds=0.3)
        self.writer = AuditWriter(
            self.client,
            self.registry,
            capacity=capacity,
            batch_size=batch_size,
            flush_seconds=flush_seconds,
            retry_delays=RETRY_DELAYS,
        )

    def add(self, *numbers: int) -> None:
        for number in numbers:
            self.writer.add(b'{"n": %d}' % number)

    def value(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"audit_{name}", {"service": "notification-controller"})

    @property
    def counters(self) -> dict[str, float | None]:
        """Events by state."""
        return {name: self.value(f"events_{name}_total") for name in ("buffered", "written", "dropped")}

    @property
    def numbers(self) -> list[int]:
        return [event["n"] for event in self.store.events]


class Harnesses:
    """Creates harnesses, and closes them with the test."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store
        self._harnesses: list[Harness] = []

    def __call__(
        self, *, capacity: int = 100, batch_size: int = 10, flush_seconds: float = 0.01, start: bool = True
    ) -> Harness:
        harness = Harness(
            self._store,
            capacity=capacity,
            batch_size=batch_size,
            flush_seconds=flush_seconds,
        )
        self._harnesses.append(harness)
        if start:
            harness.writer.start()
        return harness

    async def close(self) -> None:
        for harness in self._harnesses:
            await harness.writer.close(0)
            await harness.client.close()


@pytest.fixture
async def store() -> AsyncIterator[AuditStore]:
    store = AuditStore()
    await store.server.start_server()
    yield store
    await store.close()


@pytest.fixture
async def harnesses(store: AuditStore) -> AsyncIterator[Harnesses]:
    harnesses = Harnesses(store)
    yield harnesses
    await harnesses.close()
