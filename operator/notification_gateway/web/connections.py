"""The connections of senders, within bounds: those of strangers take no room from those of authenticated senders."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from notification_gateway.errors import Unavailable
from notification_runtime.fair.fair_queue import SharedRoom
from notification_runtime.fair.lru import SharedMap

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from aiohttp.streams import StreamReader

MOST_STRANGERS: Final = 256
"""Connections without an authenticated request."""
MOST_SENDERS: Final = 512
"""Connections that had a permitted request and wait for the next one."""
MOST_ANSWERED: Final = 512
"""Permitted requests that are answered concurrently: twice as many as callers that wait for a notification."""
MAX_HEADERS: Final = 64
RECEIVED_BYTES: Final = 32 * 1024
"""Bytes of a connection that the kernel keeps, which are read together, before they count as those of a body; Linux doubles it."""
HEAD_BYTES: Final = 32 * 1024
"""Of a request without its body: a head, a further one that comes before the answer, and the trailer fields of a body in chunks. The parser limits
a line and the number of lines, which makes half a megabyte of each. The frames of chunks may take as many bytes more as the body has."""


class Connections(web.Server):
    """The server of aiohttp, which accepts every connection. Of too many, it closes the one that was silent for longest.

    To close the new one instead would let strangers who hold connections keep everyone else out. Of senders, the namespace with
    the most connections gives way. A connection whose permitted request is answered never gives way.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        **options: Any,  # noqa: ANN401 - those of aiohttp's server
    ) -> None:
        super().__init__(handler, max_headers=MAX_HEADERS, **options)
        self._strangers: dict[web.RequestHandler, asyncio.Transport] = {}
        """The oldest first."""
        self._idle: SharedMap[web.RequestHandler, asyncio.Transport] = SharedMap(MOST_SENDERS)
        """Those of senders, by namespace."""
        self._senders: dict[web.RequestHandler, str] = {}
        """The namespace of each one of a sender, idle or not."""
        self._answered: dict[web.RequestHandler, str] = {}
        """The namespace of each permitted request that is being answered."""
        self._room = SharedRoom(MOST_ANSWERED)

    def _make_request(self, *parts: Any) -> web.BaseRequest:  # noqa: ANN401 - those of aiohttp's request
        return _Request(*parts, loop=self._loop)  # type: ignore[misc]  # the parts are all others

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
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
        if len(self._strangers) >= MOST_STRANGERS:
            oldest = next(iter(self._strangers))
            self._strangers.pop(oldest).abort()
        self._strangers[handler] = transport

    def begin(self, handler: web.RequestHandler, namespace: str) -> None:
        """Note that a connection has a request that is permitted in a namespace: it stays open until `end`.

        Raises:
            Unavailable: too many requests for the namespace are being answered.
        """
        if not self._room.take(namespace):
            raise Unavailable(
                f"too many requests for namespace {namespace} are being answered", retry_after=1.0
            )
        self._forget(handler)
        self._senders[handler] = self._answered[handler] = namespace

    def end(self, handler: web.RequestHandler) -> None:
        """Note that the request of a connection is answered."""
        namespace = self._answered.pop(handler, None)
        if namespace is None:
            return
        self._room.release(namespace)
        if handler.transport is None:
            self._forget(handler)
        else:
            for oldest in self._idle.put(namespace, handler, handler.transport):
                oldest.abort()

    def is_open(self, handler: web.RequestHandler) -> bool:
        """Return whether a connection is open in both directions."""
        return isinstance(handler, _Connection) and handler.is_open

    def is_sender(self, handler: web.RequestHandler) -> bool:
        """Return whether a connection had a permitted request."""
        return handler in self._senders

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        self._forget(handler)
        super().connection_lost(handler, exc)

    def _forget(self, handler: web.RequestHandler) -> None:
        self._strangers.pop(handler, None)
        self._idle.pop(self._senders.pop(handler, ""), handler)


class _Request(web.BaseRequest):
    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # A stranger learns neither the server nor its version.
        response.headers.popall("Server", None)


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

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self._close

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio declares it
        """Answer a whole request before the connection is closed. With TLS, asyncio does not allow that."""
        # Without a request, the base class has a waiter.
        is_busy = bool(self._messages) or self._waiter is None
        is_answered = self._body is not None and self._body.is_eof() and is_busy
        if is_answered:
            self.close()
        return is_answered and self.ssl_context is None

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
