"""The hosts of official releases on this machine: a proxy that answers for every host over TLS, from files.

A client reaches it by `HTTPS_PROXY` and trusts it by `SSL_CERT_FILE`, so it runs the code that downloads from the real hosts.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from tests.kit.http_server import QuietHandler, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True, kw_only=True)
class ReleaseHosts:
    """A running proxy; `files` maps an https address to its content, and everything else is not found."""

    proxy: str
    certificate: Path
    files: dict[str, bytes | Path] = field(default_factory=dict)
    refuses_head: bool = False
    requests: list[str] = field(default_factory=list)
    """Method and address of each request."""

    def environment(self) -> dict[str, str]:
        """Return the variables with which a client uses the proxy for every host, and trusts it."""
        return {"HTTPS_PROXY": self.proxy, "https_proxy": self.proxy, "SSL_CERT_FILE": str(self.certificate)}


@contextlib.contextmanager
def release_hosts(folder: Path, *, port: int = 0) -> Iterator[ReleaseHosts]:
    """Run the proxy on 127.0.0.1 until the end of the block; its certificate is written to `folder`."""
    authority = trustme.CA()
    certificate = folder / "release-hosts.pem"
    authority.cert_pem.write_to_path(str(certificate))
    server = _Proxy(("127.0.0.1", port), authority)
    server.hosts = ReleaseHosts(proxy=f"http://127.0.0.1:{server.server_port}", certificate=certificate)
    with running(server):
        yield server.hosts


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    hosts: ReleaseHosts

    def __init__(self, address: tuple[str, int], authority: trustme.CA) -> None:
        super().__init__(address, _Tunnel)
        self._authority = authority

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing if a client closes a connection."""

    def context(self, host: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(host).configure_cert(context)
        return context


class _Tunnel(QuietHandler, BaseHTTPRequestHandler):
    """Ends the TLS connection that a client opens through the proxy, and answers its request."""

    server: _Proxy

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        with self.server.context(host).wrap_socket(self.connection, server_side=True) as connection:
            _Host(host, self.server.hosts, connection, self.client_address, self.server)
        self.close_connection = True


class _Host(QuietHandler, BaseHTTPRequestHandler):
    """Answers one request to a host."""

    def __init__(self, host: str, hosts: ReleaseHosts, *connection: Any) -> None:
        self._host = host
        self._hosts = hosts
        super().__init__(*connection)

    def do_HEAD(self) -> None:
        if self._hosts.refuses_head and self.path != "/":
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)
        else:
            self.do_GET()

    def do_GET(self) -> None:
        address = f"https://{self._host}{self.path}"
        self._hosts.requests.append(f"{self.command} {address}")
        file = self._hosts.files.get(address)
        content = file.read_bytes() if isinstance(file, Path) else file
        self.answer(content or b"", status=HTTPStatus.NOT_FOUND if content is None else HTTPStatus.OK)
