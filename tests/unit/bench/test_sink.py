"""The sink of the bench, over HTTP."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp.test_utils import RawTestServer, TestClient

from tests.bench.generator import Batch
from tests.bench.scenarios import Channel, Load
from tests.bench.sink import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Client = TestClient[Any, Any]


@pytest.fixture
async def sink() -> AsyncIterator[Client]:
    async with TestClient(RawTestServer(Sink().handle)) as client:  # type: ignore[var-annotated]
        yield client


def about(number: int) -> bytes:
    return f'{{"text": "bench-{number}- and more"}}'.encode()


async def test_sink_fails_each_notification_as_often_as_configured(sink: Client) -> None:
    await sink.put("/", data=b'{"failing": 2, "delay": 0}')
    first = [(await sink.post("/slack/ours", data=about(1))).status for _ in range(4)]
    other = [(await sink.post("/slack/ours", data=about(12))).status for _ in range(3)]
    assert (first, other) == ([503, 503, 200, 200], [503, 503, 200])


async def test_new_answers_reset_the_sink(sink: Client) -> None:
    for _ in range(2):
        await sink.put("/", data=b'{"failing": 1, "delay": 0.05}')
        began = time.perf_counter()
        assert (await sink.post("/slack/ours", data=about(1))).status == 503
        assert time.perf_counter() - began >= 0.045


async def test_sink_recognizes_generated_notifications_only(sink: Client) -> None:
    batch = Batch(load=Load(2, Channel.SLACK), first=40)
    subjects = [orjson.loads(body)["spec"]["subject"] for body in batch.bodies("somewhere").values()]
    assert [(await sink.post("/", data=text)).status for text in (*subjects, "hello")] == [200, 200, 400]


async def test_url_with_a_delay_is_answered_after_it(sink: Client) -> None:
    began = time.perf_counter()
    assert (await sink.post("/?delay=0.05", data=about(1))).status == 200
    assert time.perf_counter() - began >= 0.045


async def test_steady_url_never_fails(sink: Client) -> None:
    await sink.put("/", data=b'{"failing": 1, "delay": 0}')
    assert [(await sink.post(url, data=about(1))).status for url in ("/?steady", "/")] == [200, 200]
    assert (await sink.post("/", data=about(2))).status == 503


async def test_sink_takes_bodies_of_more_than_a_megabyte(sink: Client) -> None:
    assert (await sink.post("/", data=io.BytesIO(about(1) + b" " * 3_000_000))).status == 200
