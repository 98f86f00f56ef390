"""What the tests of this room share: an API server with collections, a client that watches, and short pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_runtime.kube import collection_watch
from tests.unit.operator.collections_api import CollectionsApi, running, watching_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kubernetes.aio.client import ApiClient


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_watch, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(collection_watch, "LONGEST_DELAY", 0.05)
    monkeypatch.setattr(collection_watch, "LONGEST_DELAY_REFUSED", 0.05)


@pytest.fixture
async def api() -> AsyncIterator[CollectionsApi]:
    async with running() as server:
        yield server


@pytest.fixture
async def client(api: CollectionsApi) -> AsyncIterator[ApiClient]:
    async with watching_client(api) as watching:
        yield watching
