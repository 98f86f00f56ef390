"""The watching client's session: current credentials for each request, and one exception for every failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from notification_runtime.kube.client import Cluster, Connectivity, watching_session
from notification_runtime.kube.requests import KubeError
from tests.unit.loopback import listening
from tests.unit.operator.kube_api import refusal

if TYPE_CHECKING:
    from collections.abc import Callable


class Server:
    """Answers with a status and records the credentials."""

    def __init__(self) -> None:
        self.response: Callable[[], web.Response] = lambda: web.Response(text="{}")
        self.credentials: list[str | None] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.credentials.append(request.headers.get("Authorization"))
        return self.response()


def cluster_at(url: str) -> Cluster:
    configuration = Configuration(host=url)
    configuration.api_key["BearerToken"] = "Bearer first"
    return Cluster(configuration=configuration, namespace="own", source="a test")


async def test_each_request_carries_the_credentials_of_its_moment() -> None:
    server = Server()
    async with listening(server.handle) as url:
        cluster = cluster_at(url)
        async with await watching_session(cluster, Connectivity()) as session:
            await session.get(f"{url}/things")
            cluster.configuration.api_key["BearerToken"] = "Bearer second"
            await session.get(f"{url}/things")
    assert server.credentials == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 503])
async def test_refusal_is_a_kube_error_and_counts_as_an_answer(status: int) -> None:
    server, connectivity = Server(), Connectivity()
    server.response = lambda: refusal(status, "no")
    async with (
        listening(server.handle) as url,
        await watching_session(cluster_at(url), connectivity) as session,
    ):
        with pytest.raises(KubeError) as error:
            await session.get(f"{url}/things", params={"watch": "true"})
    assert str(error.value) == f"{status} no"
    assert (connectivity.open_watches, connectivity.silence < 5) == (0, True)


async def test_unreachable_server_is_a_kube_error_and_no_answer() -> None:
    connectivity = Connectivity()
    url = "http://127.0.0.1:1"
    async with await watching_session(cluster_at(url), connectivity) as session:
        with pytest.raises(KubeError) as error:
            await session.get(f"{url}/things")
    assert error.value.status is None
    assert connectivity.silence == float("inf")


async def test_closed_time_of_a_watch_counts_from_its_end() -> None:
    server, seconds = Server(), 0.0
    connectivity = Connectivity(clock=lambda: seconds)
    async with (
        listening(server.handle) as url,
        await watching_session(cluster_at(url), connectivity) as session,
    ):
        seconds = 5.0
        assert connectivity.closed_seconds("watching", "/things") == 5.0
        await session.get(f"{url}/things", params={"watch": "true"})
        seconds = 60.0
        assert connectivity.closed_seconds("watching", "/things") == 0.0
        await session.get(f"{url}/things")
        seconds = 70.0
        assert connectivity.closed_seconds("watching", "/things") == 10.0
