"""The connections of a client: reused, limited, and closed."""

import asyncio
import threading

import aiohttp
import pytest
from aiohttp import web

from notification_runtime.delivery import http_client as http
from notification_runtime.delivery.channel import Transient
from notification_runtime.delivery.http.exchange import MAX_QUOTE
from notification_runtime.delivery.http_client import HttpClient
from tests.unit.operator.delivery.posting import post
from tests.unit.operator.delivery.receiving import PATH, HttpServer


async def test_connection_is_reused_and_closed_at_the_end(server: HttpServer) -> None:
    server.add_response(200, "ok")
    server.add_response(200, "x" * MAX_QUOTE)
    await post(server.url, times=5)
    assert len({request.connection for request in server.received}) == 1


async def test_connection_is_reused_after_a_failure(server: HttpServer) -> None:
    server.add_response(503, "busy")
    client = HttpClient(server.url, connections=10)
    for _ in range(3):
        with pytest.raises(Transient):
            await client.post(b"{}", headers={})
    await client.close()
    assert len({request.connection for request in server.received}) == 1


async def test_connections_stay_within_the_limit(server: HttpServer) -> None:
    running, maximum = 0, 0

    async def slowly(_request: web.Request) -> web.Response:
        nonlocal running, maximum
        running += 1
        maximum = max(maximum, running)
        await asyncio.sleep(0.02)
        running -= 1
        return web.Response()

    server.responses.append(slowly)
    client = HttpClient(server.url, connections=3)
    await asyncio.gather(*(client.post(b"{}", headers={}) for _ in range(12)))
    await client.close()
    assert (maximum, len(server.received)) == (3, 12)
    assert len(server.connections) == 3


async def test_idle_connection_is_closed(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert http.IDLE_SECONDS * 2 < 90
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.05)
    client = HttpClient(server.url, connections=3)
    await client.post(b"{}", headers={})
    assert server.open_connections == 1
    await server.until_all_are_closed()
    await client.close()


async def test_proxy_of_the_environment_is_used(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    address = server.url.removesuffix(PATH).removeprefix("http://")
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@{address}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    await post("http://hooks.example.invalid/x")
    headers = server.received[0].headers
    assert headers["Host"] == "hooks.example.invalid"
    assert headers["Proxy-Authorization"] == aiohttp.encode_basic_auth("me", "secret")


async def test_post_starts_no_thread(server: HttpServer) -> None:
    before = threading.active_count()
    await post(server.url, times=2)
    assert threading.active_count() == before


async def test_cancelled_post_releases_its_connection(server: HttpServer) -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    server.responses.append(never)
    client = HttpClient(server.url, connections=1)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.post(b"{}", headers={})
    await client.close()
    assert len(server.received) == 2, "the second post uses the only connection"
