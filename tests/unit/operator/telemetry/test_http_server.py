"""Probes, metrics and connectivity, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from notification_contract.settings import Server
from notification_runtime.kube.client import Connectivity
from notification_runtime.telemetry.http_server import Check, HealthServer, MetricsPage
from notification_runtime.telemetry.metrics import Metrics

PASSED = Check(passed=True, text="last answer 1.0 s ago")


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_probe_lists_each_check_and_fails_if_one_does() -> None:
    checks = {"watches": Check(passed=False, text="1 of 2 established"), "api_server": PASSED}
    settings = Server(host="127.0.0.1", health_port=0, metrics_port=0)
    server = HealthServer(settings, registry=CollectorRegistry(), alive=dict, ready=lambda: checks)
    await server.start()
    try:
        status, text = await get(server.ports[0], "/readyz")
        assert status == 503
        assert text == "failed: watches: 1 of 2 established\nok: api_server: last answer 1.0 s ago\n"
        checks["watches"] = Check(passed=True, text="2 of 2 established")
        assert (await get(server.ports[0], "/readyz"))[0] == 200
        assert (await get(server.ports[0], "/healthz"))[0] == 200
    finally:
        await server.stop()


async def test_metrics_page_shows_the_process_and_the_documented_names() -> None:
    metrics = Metrics()
    metrics.add_gauge("queue_depth", "Notifications that wait for a worker.", lambda: 7)
    settings = Server(host="127.0.0.1", health_port=0, metrics_port=0)
    server = HealthServer(settings, registry=metrics.registry, alive=dict, ready=dict)
    await server.start()
    try:
        _, page = await get(server.ports[1], "/metrics")
    finally:
        await server.stop()
    assert "kubernaut_notification_queue_depth 7.0" in page
    assert 'kubernaut_notification_reconciler_active{phase="PartiallySent"} 0.0' in page
    assert "process_resident_memory_bytes" in page


class Scraped(Collector):
    """Takes its time, and counts how often it is asked."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.seconds = 0.0
        self.waits = 0.0
        """Seconds in which other processes have the processor."""
        self.count = 0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        self.used += self.seconds
        self.now += self.seconds + self.waits
        self.count += 1
        yield GaugeMetricFamily("pages", "Pages.", value=self.count)


@pytest.mark.parametrize(("seconds", "most"), [(0.01, 600), (0.25, 13), (2.0, 13)])
async def test_pages_take_a_twentieth_of_the_time_at_most(seconds: float, most: int) -> None:
    collector, registry = Scraped(), CollectorRegistry()
    registry.register(collector)
    page = MetricsPage(registry, clock=lambda: collector.now, processor=lambda: collector.used)
    collector.seconds, collector.count = seconds, 0
    while collector.now < 60:
        await page.text()
        collector.now += 0.01
    assert most / 2 < collector.count <= most
    before = collector.count
    collector.now += 5
    assert f"pages {before + 1}.0" in (await page.text()).decode()


@pytest.mark.parametrize("waits", [0.0, 0.5])
async def test_small_page_is_always_fresh(waits: float) -> None:
    collector, registry = Scraped(), CollectorRegistry()
    collector.waits = waits
    registry.register(collector)
    page = MetricsPage(registry, clock=lambda: collector.now, processor=lambda: collector.used)
    collector.seconds = 0.01
    for number in range(collector.count + 1, 20):
        assert f"pages {number}.0" in (await page.text()).decode()


class Upstream:
    """A server whose watches stay open until the test ends them, or are refused."""

    def __init__(self) -> None:
        self.refuse = False
        self.end = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.refuse:
            return web.Response(status=403)
        if "watch" not in request.query:
            return web.Response(text="{}")
        response = web.StreamResponse()
        await response.prepare(request)
        await self.end.wait()
        return response


@asynccontextmanager
async def upstream() -> AsyncIterator[tuple[Upstream, str, aiohttp.ClientSession, Connectivity]]:
    server, connectivity, app = Upstream(), Connectivity(), web.Application()
    app.router.add_get("/things", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/things"
    try:
        async with aiohttp.ClientSession(trace_configs=[connectivity.trace("one")]) as session:
            yield server, url, session, connectivity
    finally:
        server.end.set()
        await runner.cleanup()


async def test_watch_counts_from_its_acceptance_until_the_next_listing() -> None:
    async with upstream() as (server, url, session, connectivity):
        assert (connectivity.open_watches, connectivity.silence) == (0, float("inf"))
        async with session.get(url):
            assert connectivity.open_watches == 0
        async with session.get(url, params={"watch": "true"}):
            assert connectivity.open_watches == 1
            assert connectivity.silence < 5
            server.end.set()
        async with session.get(url):
            assert connectivity.open_watches == 0


async def test_refused_watch_does_not_count() -> None:
    async with upstream() as (server, url, session, connectivity):
        server.refuse = True
        async with session.get(url, params={"watch": "true"}):
            assert connectivity.open_watches == 0


async def test_watch_that_cannot_be_reopened_no_longer_counts() -> None:
    async with upstream() as (_, url, session, connectivity):
        async with session.get(url, params={"watch": "true"}):
            pass
        assert connectivity.open_watches == 1
        with pytest.raises(aiohttp.ClientError):
            await session.get("http://127.0.0.1:1/things", params={"watch": "true"})
        assert connectivity.open_watches == 0
