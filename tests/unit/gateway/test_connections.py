"""The connections of the gateway are bounded, and strangers who hold many keep no sender out."""

from __future__ import annotations

import asyncio
import contextlib
import re
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from notification_gateway.web import connections
from notification_gateway.web.body import BUDGET, MAX_BYTES, SHARE_OF_SHORT
from tests.unit.gateway.cluster import REQUESTS
from tests.unit.gateway.shipped import LOOPBACK
from tests.unit.gateway.test_notifications import PATH, TOKEN, USER
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.gateway.shipped import Shipped

LINGERING = 10.0
"""Seconds that aiohttp waits for the rest of a body."""
MOST = 4
HOLDERS = (BUDGET - SHARE_OF_SHORT) // MAX_BYTES
HEAD = b"POST /hook/alerts HTTP/1.1\r\nHost: a\r\n"
FIELDS = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 8_000) for number in range(8))
POST = HEAD + b"Authorization: Bearer s3cret-of-a-sender\r\nContent-Length: 2\r\n\r\n{}"
GET = f"GET {PATH}/none HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
ANSWER = re.compile(rb"HTTP/1.1 (202|403|404)")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_STRANGERS", MOST)
    monkeypatch.setattr(connections, "MOST_SENDERS", MOST)
    monkeypatch.setattr(connections, "MOST_ANSWERED", MOST)


class Connections:
    """Connections to a gateway, which nothing but the gateway closes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._readers: list[asyncio.Task[None]] = []
        self.answers: list[int] = []
        """The number of answers to authenticated requests of each."""
        self.unavailable: list[int] = []
        """The numbers of those that are told to come again."""

    async def open(self, content: bytes = HEAD) -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        self._writers.append(writer)
        self._readers.append(asyncio.create_task(self._read(reader, len(self.answers))))
        self.answers.append(0)
        writer.write(content)

    async def send(self, number: int, content: bytes = POST) -> None:
        """Send a post with the right credentials over a connection, and wait for the answer."""
        before = self.answers[number]
        self._writers[number].write(content)
        await until(lambda: self.answers[number] > before)

    async def _read(self, reader: asyncio.StreamReader, number: int) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self.answers[number] += ANSWER.match(line) is not None
                if line.startswith(b"HTTP/1.1 503"):
                    self.unavailable.append(number)

    def write(self, number: int, content: bytes) -> None:
        self._writers[number].write(content)

    @property
    def closed(self) -> list[int]:
        """The numbers of those that are closed."""
        return [number for number, each in enumerate(self._readers) if each.done()]

    async def close(self) -> None:
        for each in self._writers:
            each.transport.abort()
        await asyncio.gather(*self._readers)


@pytest.fixture
async def opened(gateway: Shipped) -> AsyncIterator[Connections]:
    each = Connections(gateway.app.server.port)
    yield each
    await each.close()


@pytest.mark.parametrize(
    "content", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\n"], ids=["idle", "head", "body"]
)
async def test_strangers_hold_so_many_connections_and_the_oldest_are_closed(
    opened: Connections, content: bytes
) -> None:
    for _ in range(MOST + 2):
        await opened.open(content)
    await until(lambda: opened.closed == [0, 1])
    # The next one takes the place of a stranger, and is served.
    await opened.open(b"")
    await opened.send(MOST + 2)
    assert opened.closed == [0, 1, 2]


async def test_authenticated_sender_keeps_its_connection_whatever_strangers_open(
    opened: Connections,
) -> None:
    await opened.open(b"")
    await opened.send(0)
    for _ in range(3 * MOST):
        await opened.open()
    await until(lambda: opened.closed == list(range(1, 2 * MOST + 1)))
    await opened.send(0)


async def test_of_too_many_senders_the_one_that_was_silent_for_longest_is_closed(
    opened: Connections,
) -> None:
    for number in range(MOST):
        await opened.open(b"")
        await opened.send(number)
    await opened.send(0)
    await opened.open(b"")
    await opened.send(MOST)
    await until(lambda: opened.closed == [1])


@pytest.mark.parametrize("verbs", [{"get"}, set()], ids=["permitted", "forbidden"])
async def test_sender_keeps_its_connection_whatever_a_namespace_opens(
    gateway: Shipped, opened: Connections, verbs: set[str]
) -> None:
    gateway.cluster.users[TOKEN, "notifications"] = USER
    gateway.cluster.permissions |= {(USER, verb, "shop") for verb in verbs}
    await opened.open(b"")
    await opened.send(0)
    for number in range(1, MOST + 3):
        await opened.open(b"")
        await opened.send(number, GET)
    await until(lambda: 1 in opened.closed)
    assert 0 not in opened.closed
    await opened.send(0)


@contextlib.asynccontextmanager
async def held_posts(gateway: Shipped, opened: Connections, most: int) -> AsyncIterator[None]:
    """Send some posts whose notifications are stored when the block ends."""
    held: list[str] = []
    stored = asyncio.Event()

    async def hold(path: str) -> None:
        if path.endswith(REQUESTS) and len(held) < most:
            held.append(path)
            await stored.wait()

    gateway.cluster.holds = hold
    for _ in range(most):
        await opened.open(POST)
    try:
        await until(lambda: len(held) == most)
        yield
    finally:
        stored.set()


async def test_namespace_has_a_share_of_the_requests_that_are_answered(
    gateway: Shipped, opened: Connections
) -> None:
    gateway.cluster.users[TOKEN, "notifications"] = USER
    gateway.cluster.permissions.add((USER, "get", "shop"))
    async with held_posts(gateway, opened, MOST // 2):
        await opened.open(POST)
        await until(lambda: opened.unavailable == [MOST // 2])
        await opened.open(b"")
        await opened.send(MOST // 2 + 1, GET)


async def test_sender_keeps_its_connection_while_its_request_is_answered(
    gateway: Shipped, opened: Connections
) -> None:
    async with held_posts(gateway, opened, 1):
        for number in range(1, MOST + 2):
            await opened.open(b"")
            await opened.send(number)
        await until(lambda: 1 in opened.closed or 0 in opened.closed)
    await until(lambda: opened.answers[0] == 1)


async def test_head_that_never_ends_is_given_up_before_it_takes_memory(opened: Connections) -> None:
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 8_000) for number in range(4))
    await opened.open(HEAD + lines[:30_000])
    await opened.open(HEAD + lines + lines)
    await until(lambda: opened.closed == [1])


@pytest.mark.parametrize(
    "content",
    [
        HEAD + FIELDS + b"\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + FIELDS,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"e" * 64_000,
        POST + HEAD + FIELDS,
        POST * 400,
    ],
    ids=["whole head", "trailer", "chunk", "next head", "requests"],
)
async def test_what_is_no_body_has_the_bound_of_a_head(
    gateway: Shipped, opened: Connections, content: bytes
) -> None:
    stored = asyncio.Event()

    async def hold(_path: str) -> None:
        await stored.wait()

    gateway.cluster.holds = hold
    try:
        await opened.open(content)
        await until(lambda: opened.closed == [0])
        assert opened.answers == [0]
    finally:
        stored.set()


async def test_head_has_its_bound_for_each_request(opened: Connections) -> None:
    await opened.open(b"")
    for _ in range(4):
        await opened.send(0, POST.replace(b"Host: a\r\n", b"Host: a\r\n" + FIELDS[:24_000] + b"\r\n"))


@pytest.mark.parametrize("size", [8, 100_000])
async def test_body_in_chunks_of_any_size_is_read(opened: Connections, size: int) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (size, b" " * size) for _ in range(800_000 // size))
    await opened.open(b"")
    head = HEAD + b"Authorization: Bearer s3cret-of-a-sender\r\nTransfer-Encoding: chunked\r\n\r\n"
    await opened.send(0, head + chunks + b"2\r\n{}\r\n0\r\nX-Trailer: a\r\n\r\n")


async def test_gateway_ends_without_waiting_for_a_sender_that_has_left(gateway: Shipped) -> None:
    """The rest of a body that is too large is not used: aiohttp waits for it for 10 s, also when its sender has left."""
    refused = await gateway.send(headers={}, data=BytesIO(b"x" * (MAX_BYTES + 1)))
    assert refused.status == 413
    async with asyncio.timeout(LINGERING / 2):
        await gateway.app.server.stop()


async def test_stranger_has_one_request_for_each_connection(opened: Connections) -> None:
    await opened.open(HEAD + b"Content-Length: 2\r\n\r\n{}")
    await until(lambda: opened.closed == [0])


@pytest.mark.parametrize(
    ("content", "status"),
    [(POST, 202), (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 501)],
    ids=["whole", "coded"],
)
async def test_sender_that_closes_its_sending_side_gets_its_answer(
    gateway: Shipped, content: bytes, status: int
) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, gateway.app.server.port)
    writer.write(content)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 %d " % status)


LONG_HEAD = HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BYTES
LONG_BODY = b'"' + b"x" * (MAX_BYTES - 2) + b'"'


@pytest.fixture
async def holders(gateway: Shipped, opened: Connections, monkeypatch: pytest.MonkeyPatch) -> Connections:
    """A connection of a sender, and those of strangers who hold what long bodies can take, but for some bytes."""
    monkeypatch.setattr(connections, "MOST_STRANGERS", 256)
    await opened.open(b"")
    await opened.send(0)
    for _ in range(HOLDERS):
        await opened.open(LONG_HEAD + LONG_BODY[:-1])
    await until(lambda: gateway.app.server.bodies.left == SHARE_OF_SHORT + HOLDERS)
    return opened


async def test_strangers_who_hold_bodies_keep_no_sender_out(gateway: Shipped, holders: Connections) -> None:
    assert (await gateway.send()).status == 202
    assert holders.unavailable == []
    assert (await gateway.send(data=b" " * 100_000 + b"{}")).status == 202
    await until(lambda: holders.unavailable)
    for number in range(1, HOLDERS + 1):
        holders.write(number, b'"')
    await until(lambda: holders.closed == list(range(1, HOLDERS + 1)))
    assert holders.unavailable == [1], "the oldest"


async def test_body_of_a_sender_is_not_ended_for_those_of_strangers(holders: Connections) -> None:
    head = LONG_HEAD.replace(b"Host: a\r\n", b"Host: a\r\nAuthorization: Bearer s3cret-of-a-sender\r\n")
    holders.write(0, head + LONG_BODY[:-1])
    await until(lambda: holders.unavailable == [1])
    for _ in range(HOLDERS):
        await holders.open(LONG_HEAD + LONG_BODY[:-1])
    await until(lambda: sorted(holders.unavailable) == list(range(1, HOLDERS + 2)))
    await holders.send(0, b'"')


async def test_long_bodies_leave_room_to_short_ones(gateway: Shipped) -> None:
    gateway.app.server.bodies.left = SHARE_OF_SHORT
    assert (await gateway.send(data=b" " * 20_000 + b"{}")).status == 503
    assert (await gateway.send(data=b" " * 16_000 + b"{}")).status == 202
