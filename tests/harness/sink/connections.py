"""The TCP connections of a server: when each was opened and closed, and its requests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED = 10_000
"""Remembered connections that carried a request, including closed ones."""


@dataclass(slots=True, kw_only=True)
class Connection:
    """One connection; times in seconds since the epoch, `requests` counts by path."""

    id: int
    opened: float
    closed: float | None = None
    requests: Counter[str] = field(default_factory=Counter)


class Connections:
    """The connections of one server, remembered from their first counted request on."""

    def __init__(self) -> None:
        self._open: dict[asyncio.BaseTransport, Connection] = {}
        self._used: deque[Connection] = deque(maxlen=REMEMBERED)
        self._made = 0

    def counted(self, protocol: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """Return a factory of the same protocols, whose connections are counted here."""
        return lambda: _Counted(protocol(), self)

    def opened(self, transport: asyncio.BaseTransport) -> None:
        self._made += 1
        self._open[transport] = Connection(id=self._made, opened=time.time())

    def closed(self, transport: asyncio.BaseTransport) -> None:
        self._open.pop(transport).closed = time.time()

    def carry(self, transport: asyncio.BaseTransport | None, path: str) -> int:
        """Count a request; return the connection's number, or 0 if it is closed already."""
        connection = None if transport is None else self._open.get(transport)
        if connection is None:
            return 0
        if not connection.requests:
            self._used.append(connection)
        connection.requests[path] += 1
        return connection.id

    def to(self, path: str) -> list[dict[str, Any]]:
        """Return the connections that carried a request to the path, oldest first."""
        return [
            {
                "id": connection.id,
                "opened": connection.opened,
                "closed": connection.closed,
                "requests": connection.requests[path],
            }
            for connection in self._used
            if connection.requests[path]
        ]


class _Counted(asyncio.Protocol):
    """Delegates everything to another protocol."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._connections.opened(transport)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.closed(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
