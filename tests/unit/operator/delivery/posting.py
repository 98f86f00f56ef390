"""Posts over HTTP at a fixed time: several, or one that fails."""

from datetime import UTC, datetime

import pytest

from notification_runtime.delivery.channel import DeliveryError
from notification_runtime.delivery.http_client import HttpClient

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


async def post(url: str, *, times: int = 1) -> None:
    client = HttpClient(url, connections=10, clock=lambda: NOW)
    try:
        for _ in range(times):
            await client.post(b"{}", headers={"Idempotency-Key": "uid:slack:1"})
    finally:
        await client.close()


async def failure(url: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await post(url)
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value
