"""Servers that answer without an end: what they send first, and what they repeat until the client closes the connection."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

STATUS: Final = b"HTTP/1.1 200 OK\r\n"
_GZIP: Final = zlib.compressobj(wbits=31)
_BEGINNING: Final = _GZIP.flush(zlib.Z_FULL_FLUSH)
ZEROS: Final = _GZIP.compress(bytes(1 << 20)) + _GZIP.flush(zlib.Z_FULL_FLUSH)
"""A megabyte in a kilobyte, which can be repeated."""
HTTP: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "shortest interim answers": (b"", b"HTTP/1.1 103\r\n\r\n"),
    "large interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\n" + b"Link: x\r\n" * 60 + b"\r\n"),
    "status line": (b"HTTP/1.1 200 ", b"x" * 4096),
    "header line": (STATUS + b"X: ", b"x" * 4096),
    "headers": (STATUS, b"X: x\r\n"),
    "large headers": (STATUS, b"X: " + b"x" * 2000 + b"\r\n"),
    "answers": (b"", STATUS + b"Content-Length: 0\r\n\r\n"),
    "body": (STATUS + b"\r\n", b"x" * 4096),
    "compressed body": (STATUS + b"Content-Encoding: gzip\r\n\r\n" + _BEGINNING, ZEROS),
    "name of a chunk": (STATUS + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 4096),
    "pieces of a body": (STATUS + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}
SMTP: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "line": (b"220 ", b"x" * 4096),
    "lines": (b"", b"220-x\r\n"),
    "pieces of lines": (b"", b"220-\r\n"),
    "wrong line": (b"", b"hello\r\n"),
}
BLOCK: Final = 64 * 1024
"""Bytes of one write; the repeated text is as much of it as possible."""
SERVERS: Final = [
    *((*each, True, True) for each in HTTP.values()),
    *((*each, False, together) for each in SMTP.values() for together in (True, False)),
]
"""The arguments of each server: those of HTTP are first."""


@contextlib.asynccontextmanager
async def pouring(
    first: bytes,
    repeated: bytes,
    *,
    asked: bool = True,
    at_once: bool = True,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Run a server on 127.0.0.1 and yield its port.

    Args:
        first: the beginning of each answer.
        repeated: what follows, until the client closes the connection.
        asked: whether the client speaks first.
        at_once: whether many repetitions are sent together; otherwise each is a packet.
        tls: the certificate of the server.
    """

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if asked:
                await reader.readuntil(b"\r\n\r\n")
            writer.write(first)
            while repeated:
                writer.write(repeated * max(1, BLOCK // len(repeated) if at_once else 1))
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def serve() -> None:
    """Run all servers, and print their ports, until the process is stopped."""
    async with contextlib.AsyncExitStack() as stack:
        ports = [
            await stack.enter_async_context(pouring(first, repeated, asked=asked, at_once=together))
            for first, repeated, asked, together in SERVERS
        ]
        sys.stdout.write(f"listens on {' '.join(map(str, ports))}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
