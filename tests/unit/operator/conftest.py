"""What the tests of the operator share: a small API server and its client, a receiver over HTTP, replicas, and a render worker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from notification_runtime.rendering.worker import RenderWorker
from tests.unit.operator.delivery.receiving import HttpServer, serving
from tests.unit.operator.kube_api import KubeApi, client_of, running
from tests.unit.operator.leadership.lease_fixture import Replicas

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kubernetes.aio.client import ApiClient


@pytest.fixture(autouse=True, scope="module")
def _no_certificates_of_the_system() -> Iterator[None]:
    """Spare each client the 25 ms in which OpenSSL reads the system's certificates: no test reaches their servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)
        yield


@pytest.fixture(scope="session")
def worker() -> Iterator[RenderWorker]:
    """Yield a render worker whose start, 0.3 s of a processor, all tests share."""
    result = RenderWorker()
    yield result
    result.close()


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with running() as server:
        yield server


@pytest.fixture
async def client(api: KubeApi) -> AsyncIterator[ApiClient]:
    async with client_of(api) as api_client:
        yield api_client


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with serving() as http_server:
        yield http_server


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()
