"""What the tests of delivery share: a receiver over HTTP."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.operator.delivery.receiving import HttpServer, serving


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with serving() as server:
        yield server
