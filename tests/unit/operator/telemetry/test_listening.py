"""The addresses that the probes and the metrics answer on, by real connections."""

from __future__ import annotations

import errno
import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from notification_contract.settings import Server
from notification_runtime.telemetry.http_server import HealthServer, all_addresses


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


async def reachable(host: str, *, settings: Server) -> list[int]:
    """Return the statuses of a probe and of the metrics at an address of this host."""
    server = HealthServer(settings, registry=CollectorRegistry(), alive=dict, ready=dict)
    await server.start()
    try:
        statuses = []
        async with aiohttp.ClientSession() as session:
            for port, path in zip(server.ports, ("/healthz", "/metrics"), strict=True):
                async with session.get(f"http://{host}:{port}{path}") as response:
                    statuses.append(response.status)
        return statuses
    finally:
        await server.stop()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["[::1]", "127.0.0.1"])
async def test_default_address_answers_both_families(host: str) -> None:
    assert await reachable(host, settings=Server(health_port=0, metrics_port=0)) == [200, 200]


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_default_address_answers_ipv4_without_ipv6(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    create = socket.socket

    def without_ipv6(family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(code, "no IPv6")
        return create(family, kind)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    with all_addresses(0) as listener:
        assert listener.family == socket.AF_INET
        listener.listen()
        port = listener.getsockname()[1]
        with create(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.connect(("127.0.0.1", port))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_configured_address_is_used(host: str) -> None:
    settings = Server(host=host, health_port=0, metrics_port=0)
    assert await reachable("127.0.0.1", settings=settings) == [200, 200]


def test_taken_port_is_named_in_the_error() -> None:
    with all_addresses(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on port {port} of ") as error:
            all_addresses(port)
    assert error.value.errno == errno.EADDRINUSE
