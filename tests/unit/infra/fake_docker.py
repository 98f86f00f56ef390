"""A Docker daemon on a Unix socket that answers the few calls of the unit tests, over real HTTP."""

from __future__ import annotations

import contextlib
import json
import socketserver
import struct
import tempfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.kit.http_server import QuietHandler, running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VERSION = "/v1.41"


@dataclass(slots=True, kw_only=True)
class FakeDocker:
    """The daemon's answers, and what it received."""

    host: str
    exit_code: int = 0
    output: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)
    images: set[str] = field(default_factory=lambda: {"known:1"})
    requests: list[tuple[str, dict[str, list[str]], bytes]] = field(default_factory=list)
    stdin: bytes | None = None


@contextlib.contextmanager
def fake_docker() -> Iterator[FakeDocker]:
    """Run the daemon until the end of the block."""
    # The path of a Unix socket is limited to about 100 characters, which tmp_path may exceed.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "docker.sock")
        daemon = FakeDocker(host=f"unix://{path}")
        with running(Server(str(path), daemon)):
            yield daemon


class Server(socketserver.ThreadingUnixStreamServer):
    def __init__(self, path: str, daemon: FakeDocker) -> None:
        self.docker = daemon
        super().__init__(path, Handler)


class Handler(QuietHandler, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        docker = self.server.docker
        match path := unquote(urlsplit(self.path).path.removeprefix(VERSION)):
            case "/version":
                self._answer({"ApiVersion": "1.41"})
            case _ if (name := _part(path, "/images/", "/json")) in docker.images:
                self._answer({"Id": "sha256:1", "RepoTags": [name]})
            case "/containers/node/json":
                self._answer({"Id": "node", "Name": "/node", "Config": {"Tty": False}})
            case "/containers/dev-control-plane/json":
                labels = {"io.x-k8s.kind.cluster": "dev"}
                self._answer({"Id": "kind", "Name": "/dev-control-plane", "Config": {"Labels": labels}})
            case "/exec/process/json":
                self._answer({"ExitCode": docker.exit_code})
            case _:
                self._answer({"message": "no such object"}, status=404)

    def do_POST(self) -> None:
        docker = self.server.docker
        url = urlsplit(self.path)
        path = url.path.removeprefix(VERSION)
        query = parse_qs(url.query)
        docker.requests.append((path, query, self.body()))
        match path:
            case "/images/create" | "/build":
                self._stream(json.dumps(event).encode() + b"\n" for event in docker.events)
            case _ if _part(path, "/images/", "/tag"):
                docker.images.add(f"{query['repo'][0]}:{query['tag'][0]}")
                self._answer({}, status=201)
            case "/containers/node/exec":
                self._answer({"Id": "process"})
            case "/exec/process/start":
                self._attach()
            case _:
                self._answer({"message": "conflict"}, status=409)

    def _attach(self) -> None:
        """Take the connection over as the streams of a process, read its stdin to the end, write its output."""
        docker = self.server.docker
        self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        docker.stdin = self.rfile.read()
        self.wfile.write(struct.pack(">BxxxL", 1, len(docker.output)) + docker.output)
        self.close_connection = True

    def _stream(self, chunks: Iterable[bytes]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in (*chunks, b""):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    def _answer(self, content: Any, *, status: int = 200) -> None:
        self.answer(json.dumps(content).encode(), status=status)


def _part(path: str, before: str, after: str) -> str | None:
    """Return the part of a path between two texts, or None if it does not have both."""
    matches = path.startswith(before) and path.endswith(after)
    return path.removeprefix(before).removesuffix(after) if matches else None
