"""Running watches: forwarded event by event, delayed, cut or expired."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp

from tests.harness.faultproxy.rules import status

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from tests.harness.faultproxy.requests import Record, RequestKind
    from tests.harness.faultproxy.rules import Match

MAX_BUFFERED = 10_000
"""Buffered pieces of a stream; a stream that is delayed longer waits at its source."""
EXPIRED = json.dumps({"type": "ERROR", "object": status(410, "too old resource version")}).encode() + b"\n"
END = (0.0, b"")


class Watch:
    """One watch, from the server's stream to the client's."""

    def __init__(self, record: Record, request: web.Request, *, lag: Callable[[RequestKind], float]) -> None:
        self.kind = record.kind
        self._record = record
        self._request = request
        self._lag = lag
        self._pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_BUFFERED)
        self._broken = False

    async def copy(self, source: aiohttp.StreamReader, response: web.StreamResponse) -> None:
        """Forward whole events until one side ends; if the server aborts, the client's connection is aborted too."""
        reading = asyncio.create_task(self._read(source))
        try:
            await self._write(response)
        finally:
            reading.cancel()
        if self._broken:
            self.cut()

    def cut(self) -> None:
        """Abort the client's connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def expire(self) -> None:
        """End it as a server does that no longer has the version it started from."""
        self._pieces.put_nowait((0.0, EXPIRED))
        self._pieces.put_nowait(END)

    async def _read(self, source: aiohttp.StreamReader) -> None:
        loop, rest = asyncio.get_running_loop(), b""
        try:
            async for chunk in source.iter_any():
                whole, newline, rest = (rest + chunk).rpartition(b"\n")
                if newline:
                    await self._pieces.put((loop.time() + self._lag(self.kind), whole + newline))
        except aiohttp.ClientError:
            self._broken = True
        finally:
            await self._pieces.put(END)

    async def _write(self, response: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, piece = await self._pieces.get()
            if not piece:
                return
            await asyncio.sleep(max(0.0, due - loop.time()))
            # Counted before it is forwarded: a test that sees its effect finds it in the record.
            self._record.events += piece.count(b"\n")
            await response.write(piece)


class Watches:
    """The running watches."""

    def __init__(self) -> None:
        self._running: list[Watch] = []

    async def run(self, watch: Watch, source: aiohttp.StreamReader, response: web.StreamResponse) -> None:
        """Forward a watch, and keep it here until it ends."""
        self._running.append(watch)
        try:
            await watch.copy(source, response)
        finally:
            self._running.remove(watch)

    def fitting(self, match: Match) -> list[Watch]:
        return [watch for watch in self._running if match.fits(watch.kind)]
