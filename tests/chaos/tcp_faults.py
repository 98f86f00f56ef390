"""A TCP forwarder in front of the receiver that misbehaves as no HTTP server would."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from enum import StrEnum

from tests.chaos.ports import lasting_port

CHUNK = 65536
PAUSE = 0.4
"""Seconds between two bytes of a slow answer."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with RST."""


class Mode(StrEnum):
    """What happens to a connection from now on; connections that exist keep the mode in which they were accepted."""

    PASS = "pass"
    SILENT = "silent"
    """Accepts the connection and the request, forwards nothing, answers nothing."""
    RESET_BEFORE = "reset before"
    """Resets the connection when the request arrives."""
    RESET_AFTER = "reset after"
    """Forwards the request, and resets the connection instead of answering."""
    HALF_OPEN = "half open"
    """Forwards the request, and closes its sending side instead of answering."""
    SLOW = "slow"
    """Forwards the request, and answers one byte after another."""


class TcpFaults:
    """Forwards connections to a port of 127.0.0.1, by the current mode."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None] | None] = set()
        """Nothing else refers to the task of an aborted connection."""
        self.mode = Mode.PASS
        self.port = lasting_port()

    async def start(self) -> None:
        """Listen, always on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuse connections, and reset those that exist."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Reset all connections."""
        for writer in tuple(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mode, task = self.mode, asyncio.current_task()
        self._writers.add(writer)
        self._tasks.add(task)
        try:
            await self._connect(mode, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _connect(self, mode: Mode, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if mode is Mode.SILENT:
            await reader.read(-1)
            return
        if mode is Mode.RESET_BEFORE:
            await reader.read(CHUNK)
            _reset(writer)
            return
        back, forth = await asyncio.open_connection("127.0.0.1", self._upstream)
        tasks = {asyncio.create_task(_copy(reader, forth)), asyncio.create_task(_answer(mode, back, writer))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            forth.close()


async def _answer(mode: Mode, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if mode is Mode.PASS:
        await _copy(back, writer)
        return
    answer = await back.read(CHUNK)
    if mode is Mode.RESET_AFTER:
        _reset(writer)
    elif mode is Mode.HALF_OPEN:
        writer.write_eof()
        await asyncio.sleep(60)
    elif mode is Mode.SLOW:
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(PAUSE)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK):
        target.write(data)
        await target.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
