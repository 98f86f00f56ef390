"""The sink of the bench, over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from tests.bench.generator import Batch
from tests.bench.scenarios import Answers, Channel, Load
from tests.bench.sink import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Ask = Any


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Send a request to a sink; returns status and JSON or bytes of its response."""
    server = web.Server(Sink().handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:

        async def send(method: str, body: bytes = b"") -> tuple[int, Any]:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/ours"
            async with session.request(method, url, data=body) as answer:
                reply = await answer.read()
            return answer.status, orjson.loads(reply) if method == "GET" else reply

        yield send
    await runner.cleanup()


def about(number: int) -> bytes:
    return f'{{"text": "bench-{number}- and more"}}'.encode()


async def test_sink_fails_each_notification_as_often_as_configured(ask: Ask) -> None:
    await ask("PUT", orjson.dumps(asdict(Answers(failing=2))))
    first = [(await ask("POST", about(1)))[0] for _ in range(4)]
    other = [(await ask("POST", about(12)))[0] for _ in range(3)]
    assert (first, other) == ([503, 503, 200, 200], [503, 503, 200])


async def test_sink_records_start_and_end_of_each_request(ask: Ask) -> None:
    await ask("PUT", orjson.dumps(asdict(Answers(delay=0.05))))
    for number in (1, 1, 2):
        await ask("POST", about(number))
    _, seen = await ask("GET")
    assert {number: len(attempts) for number, attempts in seen.items()} == {"1": 2, "2": 1}
    assert all(ended - began >= 0.045 for attempts in seen.values() for began, ended in attempts)
    assert seen["1"][0][1] <= seen["1"][1][0]


async def test_new_answers_reset_the_sink(ask: Ask) -> None:
    await ask("PUT", orjson.dumps(asdict(Answers(failing=1))))
    assert (await ask("POST", about(1)))[0] == 503
    await ask("PUT", orjson.dumps(asdict(Answers())))
    assert (await ask("GET"))[1] == {}
    assert (await ask("POST", about(1)))[0] == 200


async def test_sink_rejects_requests_without_a_bench_number(ask: Ask) -> None:
    assert (await ask("POST", b'{"text": "hello"}'))[0] == 400
    assert (await ask("GET"))[1] == {}


async def test_sink_recognizes_generated_notifications(ask: Ask) -> None:
    batch = Batch(load=Load(count=2, channel=Channel.SLACK), first=40)
    for body in batch.bodies("somewhere").values():
        await ask("POST", orjson.dumps(orjson.loads(body)["spec"]["subject"]))
    assert set((await ask("GET"))[1]) == {"40", "41"}
