"""Fixtures: a sink and its client, and the fault proxy in front of a real TLS server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.harness.authority import Authority
from tests.harness.faultproxy.app import FaultProxy, ProxyAddress
from tests.harness.faultproxy_client import FaultProxy as Client
from tests.harness.sink.app import Sink
from tests.unit.harness.api_server import ApiServer
from tests.unit.harness.between import Between


@dataclass(frozen=True, slots=True)
class RunningSink:
    """A server and a session for it."""

    base: str
    session: aiohttp.ClientSession


@pytest.fixture
async def sink() -> AsyncIterator[RunningSink]:
    server = Sink()
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        yield RunningSink(f"http://127.0.0.1:{port}", session)
    await server.stop()


@pytest.fixture
async def between(tmp_path: Path) -> AsyncIterator[Between]:
    authority = Authority(tmp_path)
    server = ApiServer(authority.identity("server"))
    upstream = f"https://127.0.0.1:{await server.start()}"
    proxy = FaultProxy(upstream=upstream, trust=authority.trust(), identity=authority.identity("proxy"))
    address = await proxy.start(ProxyAddress(host="127.0.0.1", api_port=0, control_port=0))
    connector = aiohttp.TCPConnector(ssl=authority.trust())
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Between(
            server=server,
            session=session,
            base=f"https://127.0.0.1:{address.api_port}",
            proxy=Client(f"http://127.0.0.1:{address.control_port}"),
        )
    await proxy.stop()
    await server.stop()
