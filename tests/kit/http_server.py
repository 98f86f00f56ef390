"""HTTP servers in a thread, for clients that are not asynchronous."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Iterator


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that logs nothing."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, content: bytes = b"", *, status: int = 200) -> None:
        """Send a response; the content is JSON."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name in the base class
        pass


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve during the block, and close the server after it."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
