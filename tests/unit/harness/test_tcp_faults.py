"""The TCP forwarder: what a client meets in each mode, and what the server behind it sees."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.chaos import tcp_faults
from tests.chaos.tcp_faults import Mode, TcpFaults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Server:
    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.append(await reader.read(100))
        with contextlib.suppress(OSError):
            writer.write(b"answer")
            await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


@pytest.fixture
async def faults(server: Server) -> AsyncIterator[TcpFaults]:
    faults = TcpFaults(server.port)
    await faults.start()
    yield faults
    await faults.stop()


async def ask(faults: TcpFaults, *, within: float = 5.0) -> bytes:
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", faults.port)
        try:
            writer.write(b"question")
            return await reader.read(100)
        finally:
            writer.close()


@pytest.mark.parametrize(
    ("mode", "answer", "reaches"),
    [
        (Mode.PASS, b"answer", True),
        (Mode.HALF_OPEN, b"", True),
        (Mode.RESET_AFTER, ConnectionResetError, True),
        (Mode.RESET_BEFORE, ConnectionResetError, False),
        (Mode.SILENT, TimeoutError, False),
    ],
)
async def test_mode_decides_about_request_and_answer(
    faults: TcpFaults, server: Server, mode: Mode, answer: bytes | type[Exception], *, reaches: bool
) -> None:
    faults.mode = mode
    if isinstance(answer, bytes):
        assert await ask(faults) == answer
    else:
        with pytest.raises(answer):
            await ask(faults, within=0.3)
    assert server.seen == ([b"question"] if reaches else [])


async def test_slow_answer_comes_byte_by_byte(faults: TcpFaults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_faults, "PAUSE", 0.01)
    faults.mode = Mode.SLOW
    assert await ask(faults) == b"a"


async def test_stopped_forwarder_refuses_and_listens_again_on_its_port(faults: TcpFaults) -> None:
    await faults.stop()
    with pytest.raises(ConnectionRefusedError):
        await ask(faults)
    await faults.start()
    assert await ask(faults) == b"answer"
