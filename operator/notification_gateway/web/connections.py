"""The connections of senders, within bounds: those of strangers take no room from those of authenticated senders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from aiohttp.streams import StreamReader

MOST_STRANGERS: Final = 256
"""Connections without an authenticated request."""
MOST_SENDERS: Final = 512
"""Connections with an authenticated request: twice as many as callers that wait for a notification."""
MAX_HEADERS: Final = 64
HEAD_BYTES: Final = 32 * 1024
"""Of a request without its body: a head, a further one that comes before the answer, and the trailer fields of a body in chunks. The parser limits
a line and the number of lines, which makes half a megabyte of each. The frames of chunks may take as many bytes more as the body has."""


class Connections(web.Server):
    """The server of aiohttp, which accepts every connection. Of too many, it closes the one that was silent for longest.

    To close the new one instead would let strangers who hold connections keep everyone else out.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        **options: Any,  # noqa: ANN401 - those of aiohttp's server
    ) -> None:
        super().__init__(handler, max_headers=MAX_HEADERS, **options)
        self._strangers: dict[web.RequestHandler, asyncio.Transport] = {}
        """The oldest first."""
        self._senders: dict[web.RequestHandler, asyncio.Transport] = {}
        """The one whose latest authenticated request is oldest first."""

    @property
    def count(self) -> int:
        """The number of those that are open."""
        return len(self._strangers) + len(self._senders)

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection of a stranger."""
        super().connection_made(handler, transport)
        _add(self._strangers, handler, transport, most=MOST_STRANGERS)

    def authenticated(self, handler: web.RequestHandler) -> None:
        """Note that a connection has an authenticated request."""
        transport = self._strangers.pop(handler, None) or self._senders.pop(handler, None)
        if transport is not None:
            _add(self._senders, handler, transport, most=MOST_SENDERS)

    def is_sender(self, handler: web.RequestHandler) -> bool:
        """Return whether a connection has an authenticated request."""
        return handler in self._senders

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        self._strangers.pop(handler, None)
        self._senders.pop(handler, None)
        super().connection_lost(handler, exc)


def _add(
    connections: dict[web.RequestHandler, asyncio.Transport],
    handler: web.RequestHandler,
    transport: asyncio.Transport,
    *,
    most: int,
) -> None:
    if len(connections) >= most:
        oldest = next(iter(connections))
        connections.pop(oldest).abort()
    connections[handler] = transport


class _Connection(web.RequestHandler):
    __slots__ = ("_body", "_received")
    _body: StreamReader | None
    """The body of the request that came last; None before its head is complete."""
    _received: int
    """Bytes since the latest request was answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._await_request()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._body is not None and self._is_idle():
            # Its request is answered, and the base class waits for the rest of the body, which does not come any more. Of a
            # request that is read or waits, the body would look whole.
            self._body.feed_eof()

    def data_received(self, data: bytes) -> None:
        if self._is_answered():
            self._await_request()
        known = self._request_count
        super().data_received(data)
        if self._close or self._force_close:
            # What comes now is dropped, and the answer still has to be sent.
            return
        self._received += len(data)
        if self._request_count > known:
            self._body = self._messages[-1][1]
        content = self._body.total_bytes if self._body is not None else 0
        # While reading is paused, a part of what was received is not parsed yet.
        if (
            self._received > HEAD_BYTES + 2 * content
            and not self._reading_paused
            and self.transport is not None
        ):
            self.transport.abort()

    def _await_request(self) -> None:
        self._body, self._received = None, 0

    def _is_answered(self) -> bool:
        return self._body is not None and self._body.is_eof() and self._is_idle()

    def _is_idle(self) -> bool:
        return not self._messages and self._current_request is None
