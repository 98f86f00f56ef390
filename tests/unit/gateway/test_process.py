"""The gateway as a process: it begins to serve, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from notification_contract.names import GATEWAY_LEASES
from tests.harness.authority import Authority
from tests.kit.hostile_requests import Hostile, answered
from tests.kit.kubeconfig import kubeconfig
from tests.kit.loaded_modules import loaded_modules
from tests.unit.gateway.cluster import HOME, Cluster
from tests.unit.gateway.shipped import LOOPBACK, serving

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {
    "NOTIFICATION_GATEWAY__HOST": "127.0.0.1",
    "NOTIFICATION_SERVER__HOST": "127.0.0.1",
    "NOTIFICATION_SERVER__HEALTH_PORT": "0",
    "NOTIFICATION_SERVER__METRICS_PORT": "0",
    "POD_NAME": "gateway-0",
}


@pytest.mark.slow
def test_process_loads_no_library_that_hooks_do_not_need() -> None:
    loaded = loaded_modules("notification_gateway", "serve")
    assert "notification_gateway.app" in loaded
    assert not loaded & {
        "jwt",
        "cryptography",
        "markdown_it",
        "rich.console",
        "pygments",
        "kopf",
        "kubernetes.config",
    }


async def test_process_starts_without_the_api_server_and_serves_until_sigterm(
    cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig({"server": cluster.url}, {}, namespace=HOME))
    cluster.fails = lambda _method, _path, _body: web.Response(status=503)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "notification_gateway",
        "serve",
        env={**os.environ, **SETTINGS, "NOTIFICATION_GATEWAY__PORT": str(port), "KUBECONFIG": str(file)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            waits = await posted(session, port, 503, process)
            cluster.fails = lambda _method, _path, _body: None
            await posted(session, port, 401, process)
            # The first request of a replica that works.
            while cluster.named("leases", GATEWAY_LEASES[0]) is None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            lines = (await process.stdout.read()).decode().splitlines()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    events = [
        word for line in lines for word in ("started", "shutdown requested", "stopped") if f'"{word}"' in line
    ]
    assert waits == "1"
    assert events == ["started", "shutdown requested", "stopped"]
    assert cluster.named("leases", GATEWAY_LEASES[0]) is None


async def posted(
    session: aiohttp.ClientSession, port: int, status: int, process: asyncio.subprocess.Process
) -> str | None:
    """Wait until a post is answered with a status, and return when it may be repeated."""
    while process.returncode is None:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.post(f"http://127.0.0.1:{port}/hook/alerts") as response:
                if response.status == status:
                    return response.headers.get("Retry-After")
        await asyncio.sleep(0.01)
    raise AssertionError(f"the process has ended with {process.returncode}")


async def test_port_serves_tls_only_with_the_present_certificate(cluster: Cluster, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def served(port: int) -> str:
        reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=authority.trust())
        peer = writer.get_extra_info("ssl_object")
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
        certificate = peer.getpeercert()
        writer.close()
        return str(dict(field for (field,) in certificate["subject"])["commonName"])

    def place(name: str) -> None:
        issued = authority.issue(name)
        issued.certificate.replace(tmp_path / "tls.crt")
        issued.key.replace(tmp_path / "tls.key")

    place("first")
    async with serving(cluster, tls_directory=str(tmp_path)) as gateway:
        port = gateway.app.server.port
        assert await served(port) == "first"
        place("second")
        assert await served(port) == "second"
        (tmp_path / "tls.key").write_text("broken")
        assert await served(port) == "second"
        assert (
            await answered(
                LOOPBACK, port, Hostile(kind="plain", content=b"GET / HTTP/1.1\r\n\r\n"), within=10
            )
            == []
        )
