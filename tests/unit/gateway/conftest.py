"""What the tests of the gateway share: a small API server, a client of it, and the gateway as it ships."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.unit.gateway.cluster import Cluster, client_of, running
from tests.unit.gateway.shipped import Shipped, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kubernetes.aio.client import ApiClient


@pytest.fixture(autouse=True)
def _no_certificates_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each client the 25 ms in which OpenSSL reads the system's certificates: no test reaches their servers."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with running() as server:
        yield server


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[ApiClient]:
    async with client_of(cluster) as api_client:
        yield api_client


@pytest.fixture
async def gateway(cluster: Cluster) -> AsyncIterator[Shipped]:
    """The gateway with one source, `alerts`, and its bearer token `s3cret-of-a-sender`."""
    cluster.secret(token="s3cret-of-a-sender")
    cluster.source()
    async with serving(cluster) as shipped:
        yield shipped
