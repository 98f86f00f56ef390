"""Requests of the command line to a server that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import ssl
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_cli.errors import ApiError, CliError
from notification_cli.kube import connection as module
from notification_cli.kube import kubeconfig as kubeconfig_module
from notification_cli.kube.connection import Connection, connect
from notification_cli.kube.kubeconfig import Access
from tests.harness.authority import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path


UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


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

    def tokens(self) -> list[str]:
        """Return the token of each request."""
        return [head.partition(b"Bearer ")[2].partition(b"\r\n")[0].decode() for head in self.requests]


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
    except (asyncio.IncompleteReadError, OSError):
        return b""


@contextlib.asynccontextmanager
async def connected(
    folder: Path,
    server: str,
    *,
    user: Mapping[str, Any] | None = None,
    cluster: Mapping[str, str] | None = None,
) -> AsyncIterator[Connection]:
    """Connect by a kubeconfig with this server and user."""
    document = {
        "current-context": "dev",
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "ann"}}],
        "clusters": [{"name": "dev", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "ann", "user": user}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(document), "utf-8")
    async with connect(Access(kubeconfig=str(file))) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _short_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.3)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Server, Connection]]:
    state = Server([])
    async with listening(state) as address, connected(tmp_path, f"http://{address}") as connection:
        yield state, connection


def ok(value: object, *headers: bytes, body: bytes = b"") -> bytes:
    body = body or json.dumps({"value": value}).encode()
    return b"\r\n".join((b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body))


async def test_one_connection_serves_requests_in_a_row(server: tuple[Server, Connection]) -> None:
    state, connection = server
    state.answers = [ok(1), ok(2)]
    assert [await connection.get("/") for _ in range(2)] == [{"value": 1}, {"value": 2}]
    assert state.connections == 1


async def test_request_on_a_closed_connection_is_repeated_if_it_changes_nothing(
    server: tuple[Server, Connection],
) -> None:
    state, connection = server
    state.answers = [ok(1), b"", ok(2)]
    await connection.get("/")
    assert await connection.get("/") == {"value": 2}
    state.answers = [ok(3), b"", ok(4)]
    await connection.get("/")
    with pytest.raises(ApiError, match="cannot be reached"):
        await connection.create("/", {})
    assert state.answers == [ok(4)]


async def test_compressed_body_is_read(server: tuple[Server, Connection]) -> None:
    state, connection = server
    state.answers = [
        ok(0, b"Content-Encoding: gzip", body=gzip.compress(json.dumps({"text": "text" * 1000}).encode()))
    ]
    assert await connection.get("/") == {"text": "text" * 1000}
    assert b"gzip" in state.requests[0]


async def test_events_arrive_while_the_response_goes_on(server: tuple[Server, Connection]) -> None:
    state, connection = server
    # A line may be as long as an object.
    chunk = b'{"type": "%s"}\n{"type"' % (b"a" * 200_000)
    state.answers = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(chunk), chunk)
    ]
    events = connection.watch("/", {}, seconds=60)
    assert len((await anext(events))["type"]) == 200_000
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.parametrize(
    "answer",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"", ok(0, body=b"{")],
)
async def test_response_that_is_none_becomes_one_line(
    server: tuple[Server, Connection], answer: bytes
) -> None:
    state, connection = server
    state.answers, state.closes = [answer, b""], True
    with pytest.raises(ApiError, match=r"the API server of dev cannot be reached: .") as error:
        await connection.get("/")
    assert "\n" not in str(error.value)


async def test_server_that_does_not_answer_is_given_up(server: tuple[Server, Connection]) -> None:
    state, connection = server
    state.answers = [b"HTTP/1.1 200 OK\r\n"]
    with pytest.raises(ApiError, match="the API server of dev did not respond in time; check the network"):
        await connection.get("/")


async def test_refused_credentials_that_cannot_be_renewed_are_shown(
    server: tuple[Server, Connection],
) -> None:
    state, connection = server
    state.answers = [UNAUTHORIZED, ok(1)]
    with pytest.raises(ApiError, match=r"does not accept the credentials of dev: .*log in again"):
        await connection.get("/")
    assert len(state.requests) == 1


def program(script: str) -> dict[str, Any]:
    """Return a credential plugin."""
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", script],
    }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The present time, as the only entry."""
    times = [datetime(2026, 3, 1, 11, 0, tzinfo=UTC)]
    for each in (module, kubeconfig_module):
        monkeypatch.setattr(each, "now", lambda: times[0])
    return times


async def test_token_file_is_read_again_after_a_minute_and_after_one_refusal(
    tmp_path: Path, clock: list[datetime]
) -> None:
    file, state = tmp_path / "token", Server([ok(1), ok(2), ok(3), UNAUTHORIZED, ok(4)])
    file.write_text("one\n", "utf-8")
    async with (
        listening(state) as address,
        connected(tmp_path, f"http://{address}", user={"tokenFile": "token"}) as connection,
    ):
        await connection.get("/")
        file.write_text("two\n", "utf-8")
        await connection.get("/")
        clock[0] += timedelta(seconds=61)
        await connection.get("/")
        file.write_text("three\n", "utf-8")
        assert await connection.get("/") == {"value": 4}
        assert state.tokens() == ["one", "one", "two", "two", "three"]
        state.answers = [UNAUTHORIZED, UNAUTHORIZED, ok(5)]
        with pytest.raises(ApiError, match="log in again"):
            await connection.get("/")
        file.unlink()
        clock[0] += timedelta(seconds=61)
        with pytest.raises(CliError, match="No such file"):
            await connection.get("/")


async def test_credential_plugin_is_asked_again_when_its_token_ends(
    tmp_path: Path, clock: list[datetime]
) -> None:
    calls, state = tmp_path / "calls", Server([ok(1), ok(2), ok(3)])
    script = (
        f"import json, pathlib; calls = pathlib.Path({str(calls)!r}); "
        "number = len(calls.read_text()) + 1 if calls.exists() else 1; calls.write_text('x' * number); "
        "print(json.dumps({'status': {'token': str(number), 'expirationTimestamp': '2026-03-01T12:00:00Z'}}))"
    )
    async with (
        listening(state) as address,
        connected(tmp_path, f"http://{address}", user={"exec": program(script)}) as connection,
    ):
        await connection.get("/")
        await connection.get("/")
        clock[0] += timedelta(minutes=59, seconds=31)
        await connection.get("/")
    assert state.tokens() == ["1", "1", "2"]


@contextlib.asynccontextmanager
async def asking_for_certificates(authority: Authority) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve over TLS; gives the address, and the names in the certificates of the requests."""
    context = authority.identity("server")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(str(authority.file))
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Any = writer.get_extra_info("peercert")
        name = dict(pair for entry in peer["subject"] for pair in entry)["commonName"]
        while await _head(reader):
            seen.append(name)
            writer.write(ok(0))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def test_issued_certificate_that_ends_is_replaced_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, issued, files = Authority(tmp_path), tmp_path / "issued.json", tmp_path / "files"
    files.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(files))

    def issue(name: str) -> None:
        identity = authority.issue(name)
        status = {
            "clientCertificateData": identity.certificate.read_text("ascii"),
            "clientKeyData": identity.key.read_text("ascii"),
            "expirationTimestamp": "2020-01-01T00:00:00+00:00",
        }
        issued.write_text(json.dumps({"status": status}), "utf-8")

    issue("first")
    async with (
        asking_for_certificates(authority) as (server, seen),
        connected(
            tmp_path,
            server,
            user={"exec": program(f"print(open({str(issued)!r}).read())")},
            cluster={"certificate-authority": str(authority.file)},
        ) as connection,
    ):
        await connection.get("/")
        await connection.get("/")
        issue("second")
        await connection.get("/")
        assert not list(files.iterdir())
    assert seen == ["first", "first", "second"]


async def test_absent_server_is_named_with_what_the_system_says(tmp_path: Path) -> None:
    async with connected(tmp_path, "https://127.0.0.1:1") as connection:
        with pytest.raises(
            ApiError, match=r"the API server of dev cannot be reached: connection refused by 127\.0\.0\.1:1$"
        ):
            await connection.get("/")


async def test_proxy_is_asked_for_a_tunnel_with_its_password(tmp_path: Path) -> None:
    state = Server([b"HTTP/1.1 502 Bad Gateway\r\n\r\n"])
    state.closes = True
    async with (
        listening(state) as address,
        connected(
            tmp_path, "https://cluster.example", cluster={"proxy-url": f"http://ann:p%40w@{address}"}
        ) as connection,
    ):
        with pytest.raises(ApiError, match=r"cannot be reached: .*Bad Gateway"):
            await connection.get("/api")
    assert state.requests[0].startswith(b"CONNECT cluster.example:443 ")
    assert b"Basic YW5uOnBAdw==" in state.requests[0]
