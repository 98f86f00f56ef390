"""The fault proxy in its own thread leaves nothing open at its end."""

import asyncio
import gc
import warnings
from pathlib import Path

import aiohttp

from tests.harness.authority import Authority
from tests.harness.faultproxy.app import FaultProxy
from tests.harness.proxy_thread import serving
from tests.unit.harness.api_server import ApiServer
from tests.unit.harness.between import WATCH


async def test_stopped_proxy_leaves_no_watch_connection_open(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = ApiServer(authority.identity("server"))
    upstream = f"https://127.0.0.1:{await server.start()}"
    proxy = FaultProxy(upstream=upstream, trust=authority.trust(), identity=authority.identity("proxy"))
    thread = serving(proxy)
    address = await asyncio.to_thread(thread.__enter__)
    connector = aiohttp.TCPConnector(ssl=authority.trust())
    async with aiohttp.ClientSession(connector=connector) as session:
        watches = [await session.get(f"https://127.0.0.1:{address.api_port}{WATCH}") for _ in range(8)]
        await asyncio.to_thread(thread.__exit__, None, None, None)
        for watch in watches:
            watch.close()
    await server.stop()
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        del proxy, thread
        gc.collect()
    assert [str(one.message) for one in left] == []
