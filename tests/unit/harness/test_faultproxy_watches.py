"""Watches through the fault proxy: streamed event by event, delayed, cut and expired."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.harness.eventually import eventually
from tests.harness.faultproxy_client import FaultProxy as Client
from tests.unit.harness.between import GONE, WATCH, Between, in_thread
from tests.unit.harness.stalled import stall


def event(number: int, size: int = 0) -> bytes:
    return json.dumps({"type": "ADDED", "object": {"n": number, "text": "x" * size}}).encode() + b"\n"


async def read_events(answer: aiohttp.ClientResponse, count: int) -> list[tuple[float, int]]:
    seen: list[tuple[float, int]] = []
    buffer = b""
    while len(seen) < count:
        async with asyncio.timeout(5):
            buffer += await answer.content.readany()
        *lines, buffer = buffer.split(b"\n")
        seen += [(time.monotonic(), json.loads(line)["object"]["n"]) for line in lines]
    return seen


async def test_watch_events_of_any_size_are_streamed_one_by_one(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        for number, size in ((1, 0), (2, 1_000_000), (3, 0)):
            await between.server.emit(event(number, size))
            assert [result for _, result in await read_events(answer, 1)] == [number]
        (record,) = await in_thread(between.proxy.requests, verb="watch")
        assert (record["code"], record["ended"], record["events"]) == (200, None, 3)
        await between.server.emit(None)
        assert await answer.content.read() == b""


async def test_watch_event_is_counted_before_the_client_gets_it(
    between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        released = stall(monkeypatch, web.StreamResponse, "write")
        await between.server.emit(event(1))
        await read_events(answer, 1)
        (record,) = await in_thread(between.proxy.requests, verb="watch")
        assert (record["code"], record["events"]) == (200, 1)
        released.set()


async def test_watch_ends_at_the_server_when_the_client_disconnects(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1))
        await read_events(answer, 1)
        answer.close()
    await in_thread(eventually, lambda: between.server.watches, lambda running: not running, within=5)


@asynccontextmanager
async def lag(proxy: Client, seconds: float) -> AsyncIterator[None]:
    holding = proxy.lag(seconds)
    await in_thread(holding.__enter__)
    try:
        yield
    finally:
        await in_thread(holding.__exit__, None, None, None)


async def test_lag_delays_events_in_order_until_it_is_removed(
    between: Between,
) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(0))
        await read_events(answer, 1)
        async with lag(between.proxy, 0.5):
            sent = time.monotonic()
            await between.server.emit(event(1))
            await asyncio.sleep(0.2)  # the second event comes so much later than the first
            await between.server.emit(event(2))
            seen = await read_events(answer, 2)
        assert [number for _, number in seen] == [1, 2]
        assert seen[0][0] - sent >= 0.5
        assert seen[1][0] - sent >= 0.7
        assert seen[1][0] - seen[0][0] < 0.5
        sent = time.monotonic()
        await between.server.emit(event(3))
        assert (await read_events(answer, 1))[0][0] - sent < 0.5


async def test_running_watches_can_be_cut(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1))
        await read_events(answer, 1)
        assert await in_thread(between.proxy.cut_watches, resource="leases") == 0
        assert await in_thread(between.proxy.cut_watches) == 1
        with pytest.raises(GONE):
            await answer.content.read()


async def test_running_watches_can_be_expired(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1)[:10])
        assert await in_thread(between.proxy.expire_watches) == 1
        (line,) = (await answer.content.read()).splitlines()
    told_so = json.loads(line)
    assert (told_so["type"], told_so["object"]["code"], told_so["object"]["reason"]) == (
        "ERROR",
        410,
        "Expired",
    )


async def test_watch_aborted_by_the_server_is_aborted(between: Between) -> None:
    async with between.session.get(between.base + WATCH) as answer:
        await between.server.emit(event(1))
        await read_events(answer, 1)
        await between.server.stop()
        with pytest.raises(GONE):
            await answer.content.read()
