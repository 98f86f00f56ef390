"""The gateway as it ships, on a small API server, with a client that sends messages."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from notification_contract.names import PATH_KEYS_SECRET
from notification_contract.settings.gateway import Gateway, GatewaySettings
from notification_contract.settings.telemetry import Server
from notification_gateway.app import App
from tests.unit.gateway import described
from tests.unit.gateway.cluster import HOME, Cluster, client_of
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BEARER = {"Authorization": "Bearer s3cret-of-a-sender"}
LOOPBACK = "127.0.0.1"
KEY = "k" * 32
"""The key of the URLs of sources."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response, read."""

    status: int
    text: str
    headers: Any

    @property
    def counts(self) -> Any:
        return json.loads(self.text)


class Shipped:
    """A replica of the gateway, and a sender."""

    def __init__(self, app: App, cluster: Cluster, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.cluster = cluster
        self.url = f"http://{LOOPBACK}:{app.server.port}"
        self._session = session

    async def send(
        self, path: str = "/hook/alerts", *, method: str = "POST", headers: Any = BEARER, **content: Any
    ) -> Reply:
        """Send a request, whose answer has to be a described one; without content, a small object of JSON."""
        if method == "POST" and not content:
            content = {"json": {"text": "it burns"}}
        async with self._session.request(method, self.url + path, headers=headers, **content) as response:
            reply = Reply(status=response.status, text=await response.text(), headers=response.headers)
        assert "Server" not in reply.headers
        described.check(method, path, reply.status, reply.headers, reply.text)
        return reply

    def metric(self, source: str, outcome: str) -> float:
        labels = {"source": source, "outcome": outcome}
        value = self.app.metrics.registry.get_sample_value(
            "kubernaut_notification_source_received_total", labels
        )
        return value or 0.0


def path_keys(cluster: Cluster, folder: Path, key: str = KEY, previous: str = "") -> str:
    """Write the keys of URLs into their Secret, and into the files of a pod; return the directory."""
    cluster.secret(PATH_KEYS_SECRET, labels={}, key=key, previous=previous)
    for name, value in (("key", key), ("previous", previous)):
        (folder / name).write_text(value, "utf-8")
    return str(folder)


@contextlib.asynccontextmanager
async def serving(
    cluster: Cluster, *, replica: str = "gateway-0", ready: bool = True, **settings: Any
) -> AsyncIterator[Shipped]:
    """Run a replica."""
    gateway = Gateway(host=LOOPBACK, port=0, **{"status_interval_seconds": 0.05, **settings})
    whole = GatewaySettings(gateway=gateway, server=Server(host=LOOPBACK, health_port=0, metrics_port=0))
    async with (
        client_of(cluster) as client,
        client_of(cluster) as watching,
        aiohttp.ClientSession() as session,
    ):
        app = App(whole, client=client, watching=watching, home=HOME, replica=replica)
        async with app:
            if ready:
                await until(lambda: app.sources.known, "sources")
            yield Shipped(app, cluster, session)
