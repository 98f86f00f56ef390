"""The Python client: options that it does not have, and an API server that accepts connections and answers nothing."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client
from kubernetes.aio import client as aio_client

from notification_client import AsyncNotifier, Notifier, _message
from notification_client._asynchronous import AsyncCluster, AsyncHandle
from notification_client._synchronous import Cluster, Handle

if TYPE_CHECKING:
    from collections.abc import Iterator

LATE = 10.0
"""Seconds after which a call would not have ended by itself."""


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(32)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def api_of(url: str) -> client.ApiClient:
    configuration = client.Configuration()
    configuration.host = url
    return client.ApiClient(configuration)


def test_option_that_does_not_exist_is_refused(silent: str) -> None:
    options: Any = {"to": ["shop/team"]}
    with pytest.raises(TypeError, match=r"no option to; the options are .*, receivers\b"):
        Notifier("shop", api=api_of(silent)).send("s", "b", **options)


async def test_wait_ends_in_time_without_an_answer(silent: str) -> None:
    handle = Handle(namespace="shop", name="order", created=True, server=Cluster(api_of(silent)))
    start = monotonic()
    with pytest.raises(TimeoutError, match=r"shop/order cannot be read after 0\.5 s"):
        await asyncio.wait_for(asyncio.to_thread(handle.wait, 0.5), LATE)
    assert monotonic() - start < LATE


async def test_asynchronous_wait_ends_in_time_without_an_answer(silent: str) -> None:
    async with aio_client.ApiClient(aio_client.Configuration(host=silent)) as api:
        handle = AsyncHandle(namespace="shop", name="order", created=True, server=AsyncCluster(api))
        with pytest.raises(TimeoutError, match=r"shop/order cannot be read after 0\.5 s"):
            await asyncio.wait_for(handle.wait(0.5), LATE)


async def test_message_without_an_answer_ends_in_time(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_message, "SECONDS", 0.5)
    notifier = Notifier("shop", api=api_of(silent))
    with pytest.raises(TimeoutError, match="the API server does not answer"):
        await asyncio.wait_for(asyncio.to_thread(notifier.send, "s", "b"), LATE)
    async with aio_client.ApiClient(aio_client.Configuration(host=silent)) as api:
        start = monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(AsyncNotifier("shop", api=api).send("s", "b"), LATE)
        assert monotonic() - start < LATE
