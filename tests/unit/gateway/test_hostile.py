"""A thousand hostile requests: each has an answer that is no fault of the gateway, and nothing of them is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from notification_gateway.web import server
from notification_gateway.web.body import BUDGET
from tests.cases import cases
from tests.kit.hostile_requests import Hostile, Requests, Target, answered
from tests.unit.gateway.shipped import LOOPBACK, serving

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
