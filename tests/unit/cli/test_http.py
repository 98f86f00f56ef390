"""The HTTP client of the command line against a server that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from notification_cli.errors import ApiError
from notification_cli.kube.http import HttpClient, Request
from notification_cli.kube.requests import translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

TLS = ssl.create_default_context()


class Server:
    """Answers each request of each connection with the next of its answers; an empty one closes the connection."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.answers = list(answers)
        self.closes = False
        """Whether an answer ends its connection."""
        self.connections = 0
        self.requests: list[bytes] = []
        self.tasks: set[Any] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.add(asyncio.current_task())
        while head := await _head(reader):
            self.requests.append(head)
            answer = self.answers.pop(0) if self.answers else b""
            writer.write(answer)
            await writer.drain()
            if self.closes or not answer:
                break
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def listening(state: Server) -> AsyncIterator[str]:
    """Run the server until its connections have ended; gives its address."""
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.wait_for(asyncio.gather(*state.tasks), 5)


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, HttpClient]]:
    state = Server([])
    async with listening(state) as address:
        client = HttpClient(f"http://{address}", tls=TLS)
        yield state, client
        client.close()


def ok(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body))


async def test_one_connection_serves_requests_in_a_row(server: tuple[Server, HttpClient]) -> None:
    state, client = server
    state.answers = [ok(b"1"), ok(b"2")]
    assert [(await client.send(Request(method="GET", target="/"))).body for _ in range(2)] == [b"1", b"2"]
    assert state.connections == 1


async def test_request_on_a_closed_connection_is_repeated_if_it_changes_nothing(
    server: tuple[Server, HttpClient],
) -> None:
    state, client = server
    state.answers = [ok(b"1"), b"", ok(b"2")]
    await client.send(Request(method="GET", target="/"))
    assert (await client.send(Request(method="GET", target="/"))).body == b"2"
    state.answers = [ok(b"3"), b"", ok(b"4")]
    await client.send(Request(method="GET", target="/"))
    with pytest.raises((http.client.HTTPException, OSError)):
        await client.send(Request(method="POST", target="/", body=b"{}"))
    assert state.answers == [ok(b"4")]


async def test_compressed_body_is_read(server: tuple[Server, HttpClient]) -> None:
    state, client = server
    state.answers = [ok(gzip.compress(b"text" * 1000), b"Content-Encoding: gzip")]
    assert (await client.send(Request(method="GET", target="/"))).body == b"text" * 1000


async def test_lines_arrive_while_the_response_goes_on(server: tuple[Server, HttpClient]) -> None:
    state, client = server
    chunk = b'{"a": 1}\n{"b"'
    state.answers = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(chunk), chunk)
    ]
    async with client.stream(Request(method="GET", target="/")) as (status, lines):
        assert (status, await anext(lines)) == (200, b'{"a": 1}\n')
        waiting = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        waiting.cancel()
    # The thread that reads has ended with its connection: the test would hang here otherwise.
    await asyncio.wait_for(asyncio.to_thread(lambda: None), 5)


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b""]
)
async def test_response_that_is_none_becomes_one_line(
    server: tuple[Server, HttpClient], answer: bytes
) -> None:
    state, client = server
    state.answers, state.closes = [answer, b""], True
    with pytest.raises(ApiError, match="cannot be reached") as error, translated("dev"):
        await client.send(Request(method="GET", target="/", seconds=0.5))
    assert "\n" not in str(error.value)


async def test_server_that_does_not_answer_is_given_up(server: tuple[Server, HttpClient]) -> None:
    state, client = server
    state.answers = [b"HTTP/1.1 200 OK\r\n"]
    with pytest.raises(ApiError, match="did not respond in time"), translated("dev"):
        await client.send(Request(method="GET", target="/", seconds=0.2))


async def test_proxy_is_asked_for_a_tunnel_with_its_password() -> None:
    state = Server([b"HTTP/1.1 200 Connection established\r\n\r\n", ok(b"through")])
    async with listening(state) as address:
        client = HttpClient("http://cluster.example", tls=TLS, proxy=f"http://ann:p%40w@{address}")
        assert (await client.send(Request(method="GET", target="/api"))).body == b"through"
        client.close()
    assert state.requests[0].startswith(b"CONNECT cluster.example:80 ")
    assert b"Basic YW5uOnBAdw==" in state.requests[0]
