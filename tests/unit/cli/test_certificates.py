"""Credentials that end while a connection is used, against a real server with TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from typing import TYPE_CHECKING, Any

import yaml

from notification_cli.kube.connection import connect
from notification_cli.kube.kubeconfig import Access
from tests.harness.authority import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.asynccontextmanager
async def asking_for_certificates(authority: Authority) -> AsyncIterator[tuple[int, list[str]]]:
    """Serve over TLS; gives the port, and the names in the certificates of the requests."""
    context = authority.identity("server")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(str(authority.file))
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Any = writer.get_extra_info("peercert")
        name = dict(pair for entry in peer["subject"] for pair in entry)["commonName"]
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while await reader.readuntil(b"\r\n\r\n"):
                seen.append(name)
                writer.write(ANSWER)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


async def test_certificate_that_ends_is_replaced_by_the_next_one(tmp_path: Path) -> None:
    authority, issued = Authority(tmp_path), tmp_path / "issued.json"

    def issue(name: str) -> None:
        identity = authority.issue(name)
        status = {
            "clientCertificateData": identity.certificate.read_text("ascii"),
            "clientKeyData": identity.key.read_text("ascii"),
            "expirationTimestamp": "2020-01-01T00:00:00+00:00",
        }
        issued.write_text(json.dumps({"status": status}), "utf-8")

    async with asking_for_certificates(authority) as (port, seen):
        program = {"command": sys.executable, "args": ["-c", f"print(open({str(issued)!r}).read())"]}
        document = {
            "current-context": "dev",
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "ann"}}],
            "clusters": [
                {
                    "name": "dev",
                    "cluster": {
                        "server": f"https://127.0.0.1:{port}",
                        "certificate-authority": str(authority.file),
                    },
                }
            ],
            "users": [
                {
                    "name": "ann",
                    "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **program}},
                }
            ],
        }
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(document), "utf-8")
        issue("first")
        async with connect(Access(kubeconfig=str(file))) as connection:
            for name in ("first", "first", "second", "second"):
                if name == "second" and "second" not in seen:
                    issue("second")
                assert await connection.get("/x") == {}
    assert seen == ["first", "first", "second", "second"]
