"""A thousand hostile requests: each has an answer that is no fault of the gateway, and nothing of them is left."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from notification_gateway.web import server
from notification_gateway.web.body import BUDGET
from notification_gateway.web.exchange import REFUSAL
from tests.cases import cases
from tests.kit.hostile_requests import Hostile, Requests, Target, answered
from tests.unit.gateway.shipped import LOOPBACK, serving
from tests.unit.gateway.test_credentials import WHSEC, account_token

if TYPE_CHECKING:
    from tests.unit.gateway.cluster import Cluster
    from tests.unit.gateway.shipped import Shipped

TARGET = Target(
    paths=("/hook/alerts", "/hook/events", "/hook/chat", "/hook/ci", "/hook/none"),
    credentials=b"Authorization: Bearer s3cret-of-a-sender\r\n",
)
CONCURRENT = 25
WITHIN = 60.0
"""Seconds for an answer, and for the end of all connections: the server reads what it has refused for 10 s."""


async def send(gateway: Shipped, requests: list[Hostile]) -> list[tuple[Hostile, list[int]]]:
    """Send requests, some at a time, and return the statuses of the answers."""
    slots = asyncio.Semaphore(CONCURRENT)

    async def one(request: Hostile) -> tuple[Hostile, list[int]]:
        async with slots:
            return request, await answered(LOOPBACK, gateway.app.server.port, request, within=WITHIN)

    return await asyncio.gather(*map(one, requests))


def work() -> int:
    """Return the number of tasks, without those that serve a connection: the API server of the test has some, too."""
    return sum(
        not str(each.get_coro()).startswith("<coroutine object RequestHandler.")
        for each in asyncio.all_tasks()
    )


@pytest.mark.slow
async def test_hostile_requests_are_no_fault_of_the_gateway_and_leave_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "KEEPALIVE_SECONDS", 1.0)
    cluster.secret(token="s3cret-of-a-sender")
    limit = {"count": 100_000, "period": "1s"}
    for name, kind in (
        ("alerts", "alertmanager"),
        ("events", "cloudevents"),
        ("chat", "slack"),
        ("ci", "generic"),
    ):
        cluster.source(name, type=kind, rateLimit=limit)
    async with serving(cluster) as gateway:
        gateway.app.server.bodies.seconds = 0.5
        assert (await gateway.send("/hook/ci")).status == 202
        before = work()
        generator = iter(Requests(TARGET, seed=20261129))
        answers = await send(gateway, [next(generator) for _ in range(cases(1000))])
        wrong = [
            (request.kind, statuses, request.content[:300])
            for request, statuses in answers
            if any(status >= 500 and status != 503 for status in statuses)
        ]
        assert wrong == []
        async with asyncio.timeout(WITHIN):
            while work() > before or gateway.app.server.connections.count:  # noqa: ASYNC110 - the server has no event for its connections
                await asyncio.sleep(0.05)
        assert gateway.app.server.bodies.left == BUDGET
        assert (await gateway.send("/hook/ci", json={"still": "there"})).status == 202
        assert all(task.passed for task in gateway.app.alive().values())
    assert not any("smuggled" in each["spec"]["body"] for each in cluster.created)


async def test_header_of_a_stranger_that_is_no_text_shows_no_source(cluster: Cluster) -> None:
    cluster.source(auth={"hmac": {"secretRef": {"name": "hook"}, "scheme": "standard-webhooks"}})
    head = b"POST /hook/alerts HTTP/1.1\r\nHost: a\r\nwebhook-id: \xff\r\nwebhook-timestamp: %d\r\n\r\n"
    request, loop = Hostile(kind="head", content=head % time.time()), asyncio.get_running_loop()
    cluster.secret(secret=WHSEC)
    async with serving(cluster) as gateway:
        began = loop.time()
        assert await answered(LOOPBACK, gateway.app.server.port, request, within=WITHIN) == [401]
        assert loop.time() - began >= server.FLOOR_SECONDS


async def test_internal_error_is_no_other_answer_for_strangers(cluster: Cluster) -> None:
    cluster.source(auth={"kubernetes": {}})
    cluster.fails = lambda _method, path, _body: web.json_response([]) if "tokenreviews" in path else None
    loop = asyncio.get_running_loop()
    async with serving(cluster) as gateway:
        with capture_logs() as logs:
            for number in range(3):
                began, token = loop.time(), account_token(n=number)
                reply = await gateway.send(headers={"Authorization": f"Bearer {token}"})
                assert reply.text == REFUSAL.decode()
                assert loop.time() - began >= server.FLOOR_SECONDS
    assert sum("exc_info" in each for each in logs) == 1, "a stranger must not fill the log"


@pytest.mark.parametrize(
    "line",
    [
        b"POST /hook/alerts/%s HTTP/9.9",
        b"P\0ST /hook/alerts/%s HTTP/1.1",
        b"POST /hook/alerts/%s \xff HTTP/1.1",
    ],
)
async def test_request_that_is_no_http_leaves_nothing_of_it_in_the_log(
    gateway: Shipped, line: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    token = b"x" * 43
    request = Hostile(kind="protocol", content=line % token + b"\r\nHost: a\r\n\r\n")
    assert await answered(LOOPBACK, gateway.app.server.port, request, within=WITHIN) == [400]
    assert token.decode() not in caplog.text + capsys.readouterr().out
    assert not caplog.records, "a stranger must not fill the log"
