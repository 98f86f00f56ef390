"""What the tests of channels share: a session without proxy, as the operator opens one."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from notification_runtime.delivery.http.egress_guard import guarded_session
from tests.unit.operator.channels.receivers import LOOPBACK


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with guarded_session(LOOPBACK, connections=10) as session:
        yield session
