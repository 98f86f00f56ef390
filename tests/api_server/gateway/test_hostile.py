"""What strangers and broken senders can do to a gateway as it ships: nothing that others notice."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest

from notification_gateway.web.connections import MOST_STRANGERS
from tests.api_server.gateway.place import BEARER, HOST, TOKEN
from tests.harness.eventually import eventually
from tests.kit.hostile_requests import Hostile, Requests, Target, answered
from tests.unit.gateway.test_hooks import alert

if TYPE_CHECKING:
    from tests.api_server.gateway.place import Place, Replica

pytestmark = pytest.mark.xdist_group("api-server")
TARGET: Final = Target(
    paths=("/hook/alerts", "/hook/events", "/hook/chat", "/hook/ci", "/hook/none"),
    credentials=f"Authorization: Bearer {TOKEN}\r\n".encode(),
)
SEED: Final = 4
REQUESTS: Final = 1000
CONCURRENT: Final = 100
WITHIN: Final = 120.0
"""Seconds for an answer: a head that never ends is given up after 75 s."""
MOST_MEGABYTES: Final = 120
OWN: Final = 1
"""The connection of `Replica.post`, which stays."""
ESTABLISHED: Final = "01"


def sources(place: Place) -> None:
    limit = {"count": 100_000}
    for name, kind in (
        ("alerts", "alertmanager"),
        ("events", "cloudevents"),
        ("chat", "slack"),
        ("ci", "generic"),
    ):
        place.ready_source(name, kind, rateLimit=limit)


async def send(port: int, requests: list[Hostile]) -> list[tuple[Hostile, list[int]]]:
    """Send requests, some at a time, and return the statuses of the answers."""
    slots = asyncio.Semaphore(CONCURRENT)

    async def one(request: Hostile) -> tuple[Hostile, list[int]]:
        async with slots:
            return request, await answered(HOST, port, request, within=WITHIN)

    return await asyncio.gather(*map(one, requests))


def connections(replica: Replica) -> int:
    """Return how many connections of senders a replica has, as the kernel sees them."""
    lines = (
        line.split() for line in Path(f"/proc/{replica.pid}/net/tcp").read_text("ascii").splitlines()[1:]
    )
    return sum(line[1].endswith(f":{replica.port:04X}") and line[3] == ESTABLISHED for line in lines)


@pytest.mark.check("gateway-hostile-01")
@pytest.mark.long
async def test_thousand_hostile_requests_are_no_fault_and_leave_nothing(
    place: Place, replica: Replica
) -> None:
    sources(place)
    assert replica.post("/hook/ci").status == 202
    generator = iter(Requests(TARGET, SEED))
    answers = await send(replica.port, [next(generator) for _ in range(REQUESTS)])
    found = Counter(status for _, statuses in answers for status in statuses)
    assert not [status for status in found if status >= 500 and status != 503], found
    assert replica.peak_megabytes <= MOST_MEGABYTES
    # The parser gives up a connection that sends nothing after 75 s; those that were refused end before.
    eventually(lambda: connections(replica), lambda left: left <= OWN, within=100)
    assert replica.post("/hook/ci", body=b'{"still": "there"}').status == 202
    assert '"event":"request failed"' not in replica.log.read_text("utf-8")
    assert not [each for each in place.notifications() if "smuggled" in each["spec"]["body"]]


@pytest.mark.check("gateway-hostile-02")
@pytest.mark.long
async def test_bodies_beyond_the_memory_of_all_are_told_to_come_again(place: Place, replica: Replica) -> None:
    sources(place)
    large = json.dumps({"text": "x" * 1_000_000}).encode()

    async def stalled() -> bytes:
        reader, writer = await asyncio.open_connection(HOST, replica.port)
        head = f"POST /hook/none HTTP/1.1\r\nHost: a\r\nContent-Length: {len(large)}\r\n\r\n"
        writer.write(head.encode() + large[:-1])
        answer = await reader.read(100)
        writer.transport.abort()
        return answer

    answers = await asyncio.gather(*(stalled() for _ in range(60)))
    codes = {answer.split()[1] for answer in answers if answer}
    assert codes <= {b"401", b"503"}
    assert b"503" in codes, "60 MB do not fit"
    assert replica.peak_megabytes <= MOST_MEGABYTES
    assert replica.post("/hook/ci", body=large).status == 202


@pytest.mark.check("gateway-hostile-03")
async def test_flood_of_strangers_delays_a_right_sender_little(place: Place, replica: Replica) -> None:
    sources(place)
    assert replica.post("/hook/ci").status == 202
    end = asyncio.Event()

    async def stranger(session: aiohttp.ClientSession) -> None:
        while not end.is_set():
            headers = {"Authorization": "Bearer guess"}
            async with session.post(f"{replica.url}/hook/ci", data=b"{}", headers=headers) as answer:
                assert answer.status == 401

    seconds: list[float] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(stranger(session))
        for number in range(40):
            began = time.monotonic()
            body = json.dumps({"n": number}).encode()
            async with session.post(f"{replica.url}/hook/ci", data=body, headers=BEARER) as answer:
                assert answer.status == 202
            seconds.append(time.monotonic() - began)
        end.set()
    # A bound that a busy machine keeps; the bench measures the time.
    assert statistics.median(seconds) < 2


@pytest.mark.check("gateway-hostile-04")
async def test_answer_to_strangers_is_the_same_byte_by_byte(place: Place, replica: Replica) -> None:
    sources(place)
    place.ready_source("url", "generic", auth={"path": True})
    asked: set[bytes] = set()
    for path, authorization in (
        ("/hook/ci", "Bearer guess"),
        ("/hook/none", f"Bearer {TOKEN}"),
        (f"/hook/{place.home}/ci", "Basic YTpi"),
        ("/hook/url", ""),
        ("/hook/url/" + "x" * 43, ""),
        ("/v1/namespaces/default/notifications", "Bearer guess"),
        ("/metrics", ""),
        ("/", ""),
    ):
        reader, writer = await asyncio.open_connection(HOST, replica.port)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization}\r\nContent-Length: 0\r\n\r\n"
        )
        writer.write(head.encode())
        answer = await reader.read(4096)
        writer.transport.abort()
        asked.add(b"\r\n".join(line for line in answer.split(b"\r\n") if not line.startswith(b"Date:")))
    assert len(asked) == 1
    assert b"401" in asked.pop()


@pytest.mark.check("gateway-hostile-05")
def test_largest_group_of_alerts_is_stored_cut(place: Place, replica: Replica) -> None:
    sources(place)
    payload = alert()
    (one,) = payload["alerts"]
    payload["alerts"] = [
        {**one, "fingerprint": str(number), "annotations": {"summary": "x" * 200}} for number in range(2_200)
    ]
    body = json.dumps(payload).encode()
    assert 900_000 < len(body) <= 1_048_576
    assert replica.post("/hook/alerts", body=body).status == 200
    (stored,) = place.notifications("alerts")
    assert "further alerts" in stored["spec"]["body"]


@pytest.mark.check("gateway-hostile-06")
def test_template_that_never_ends_costs_its_own_message_only_the_text(place: Place, replica: Replica) -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}"
    place.ready_source("ci", "generic")
    place.source("endless", "generic", mapping={"body": endless})
    eventually(lambda: replica.post("/hook/endless").status, lambda status: status == 202, within=WITHIN)
    (stored,) = place.notifications("endless")
    assert "built-in body used" in stored["spec"]["body"]
    assert replica.post("/hook/ci").status == 202


@pytest.mark.check("gateway-hostile-07")
async def test_strangers_who_hold_connections_keep_no_sender_out(place: Place, replica: Replica) -> None:
    sources(place)
    assert replica.post("/hook/ci").status == 202
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 7_000) for number in range(4))
    head = b"POST /hook/ci HTTP/1.1\r\nHost: a\r\n" + lines
    held = []
    for _ in range(REQUESTS):
        _, writer = await asyncio.open_connection(HOST, replica.port)
        writer.write(head)
        held.append(writer)
    assert replica.post("/hook/ci", body=b'{"still": "there"}').status == 202
    try:
        # The gateway answers the sender before it has closed the last of the others.
        eventually(lambda: connections(replica), lambda open_: open_ <= MOST_STRANGERS + OWN, within=10)
        assert replica.peak_megabytes <= MOST_MEGABYTES
    finally:
        for writer in held:
            writer.transport.abort()
