"""HTTP/1.1 to the one API server, by the standard library: larger clients take longer to load than a command may.

Requests run in threads. A connection is kept for the next request, unless it may have been closed by then.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import http.client
import socket
import ssl
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from urllib.parse import SplitResult

IDLE_SECONDS: Final = 5.0
"""A connection that was idle for longer is not used again: the other end may have closed it."""
MOST_IDLE: Final = 8
GZIP: Final = "gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `target` is path and query."""

    method: str
    target: str
    headers: Iterable[tuple[str, str]] = ()
    body: bytes | None = None
    seconds: float = 30.0
    """The time limit of each step: to connect, to send, and to receive the next part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response with its whole body."""

    status: int
    body: bytes


@dataclass(slots=True, kw_only=True)
class _Link:
    """One connection, which one request uses at a time."""

    connection: http.client.HTTPConnection
    used: float = field(default_factory=monotonic)

    def close(self) -> None:
        """Close it, also while a thread reads from it."""
        if self.connection.sock is not None:
            with contextlib.suppress(OSError):
                self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class HttpClient:
    """A client of one server.

    Args:
        server: the URL of the server; its path is the prefix of all paths.
        tls: what to trust.
        name: the name that the server's certificate must have, if that is not the host of the URL.
        proxy: the URL of a proxy; empty for none.
    """

    def __init__(self, server: str, *, tls: ssl.SSLContext, name: str = "", proxy: str = "") -> None:
        self._server = urlsplit(server)
        self._tls, self._name = tls, name
        self._proxy = urlsplit(proxy) if proxy else None
        self._idle: list[_Link] = []

    async def send(self, request: Request) -> Response:
        """Send a request and return the response.

        Raises:
            OSError: there is no response.
            http.client.HTTPException: the response is none of HTTP.
        """
        link, fresh = self._link(request)
        try:
            return await self._attempt(link, request)
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
            # Only what changes nothing is repeated; the server has closed the connection in the meantime.
            if fresh or request.method != "GET":
                raise
        return await self._attempt(self._new(request), request)

    async def _attempt(self, link: _Link, request: Request) -> Response:
        complete = False
        try:
            response = await asyncio.to_thread(_exchange, link, request)
            complete = True
        finally:
            if not complete:
                link.close()
        self._keep(link)
        return response

    @contextlib.asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Send a request; gives the status, and the lines of the body as they arrive.

        Raises:
            OSError: there is no response, or the connection broke.
            http.client.HTTPException: the response is none of HTTP.
        """
        link = self._new(request)
        try:
            response = await asyncio.to_thread(_begin, link, request)
            yield response.status, _lines(response)
        finally:
            link.close()

    def renew(self, tls: ssl.SSLContext) -> None:
        """Use another certificate from the next request on; a connection keeps the one that it began with."""
        self._tls = tls
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        for link in self._idle:
            link.close()
        self._idle.clear()

    def _link(self, request: Request) -> tuple[_Link, bool]:
        """Return a connection, and whether it is new."""
        while self._idle:
            link = self._idle.pop()
            if monotonic() - link.used <= IDLE_SECONDS:
                if link.connection.sock is not None:
                    link.connection.sock.settimeout(request.seconds)
                return link, False
            link.close()
        return self._new(request), True

    def _keep(self, link: _Link) -> None:
        link.used = monotonic()
        if link.connection.sock is not None and len(self._idle) < MOST_IDLE:
            self._idle.append(link)
        else:
            link.close()

    def _new(self, request: Request) -> _Link:
        secure, host = self._server.scheme == "https", self._server.hostname or ""
        port = self._server.port or (443 if secure else 80)
        to = (host, port) if self._proxy is None else (self._proxy.hostname or "", self._proxy.port or 80)
        if secure:
            connection: http.client.HTTPConnection = _NamedConnection(
                *to, timeout=request.seconds, context=self._tls, name=self._name or host
            )
        else:
            connection = http.client.HTTPConnection(*to, timeout=request.seconds)
        if self._proxy is not None:
            connection.set_tunnel(host, port, headers=dict(_proxy_headers(self._proxy)))
        return _Link(connection=connection)


class _NamedConnection(http.client.HTTPSConnection):
    """A connection with TLS to a server whose certificate has this name."""

    def __init__(self, host: str, port: int, *, timeout: float, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls, self._name = context, name

    def connect(self) -> None:
        """Connect, through the proxy if there is one."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def _proxy_headers(proxy: SplitResult) -> Iterator[tuple[str, str]]:
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        yield "Proxy-Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"


def _begin(link: _Link, request: Request) -> http.client.HTTPResponse:
    connection = link.connection
    connection.putrequest(request.method, request.target, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value)
    if request.body is not None:
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body)
    return connection.getresponse()


def _exchange(link: _Link, request: Request) -> Response:
    with _begin(link, request) as response:
        body = response.read()
        if response.headers.get("Content-Encoding") == GZIP:
            body = gzip.decompress(body)
        return Response(status=response.status, body=body)


async def _lines(response: http.client.HTTPResponse) -> AsyncIterator[bytes]:
    while line := await asyncio.to_thread(response.readline):
        yield line
