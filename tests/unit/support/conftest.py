"""A sink of this process, on a port of its own, and a client for it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from tests.support.sink.app import Sink


@dataclass(frozen=True, slots=True)
class Served:
    """A server and a session that talks to it."""

    base: str
    session: aiohttp.ClientSession


@pytest.fixture
async def sink() -> AsyncIterator[Served]:
    server = Sink()
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        yield Served(f"http://127.0.0.1:{port}", session)
    await server.stop()
