"""The API server for the load generator: plain requests with prepared bodies, without a client library."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from atomic_status.headers import auth_headers
from notification_contract.kinds.choices import Phase
from notification_operator.domain.folding.phases import FINAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Object: TypeAlias = dict[str, Any]

GROUP = "/apis/kubernaut.ai/v1alpha1"
PAGE = 500
FINAL_ALONE = ",".join(f"status.phase!={phase}" for phase in sorted(set(Phase) - FINAL))
LONGEST_LINE = 4 * 1024 * 1024
JSON = {"Content-Type": "application/json"}


class Api:
    """Notifications, over at most `connections` connections."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def create(self, namespace: str, body: bytes) -> None:
        """Create a notification.

        Raises:
            aiohttp.ClientResponseError: it is rejected.
        """
        async with self._session.post(self._where(namespace), data=body, headers=JSON) as answer:
            await answer.read()

    async def version(self, namespace: str) -> str:
        """Return the version that a watch of all further events starts from."""
        async with self._session.get(self._where(namespace), params={"limit": "1"}) as answer:
            version: str = orjson.loads(await answer.read())["metadata"]["resourceVersion"]
        return version

    async def all(self, namespace: str) -> list[Object]:
        """Return the notifications of a namespace, read in pages."""
        result: list[Object] = []
        query = {"limit": str(PAGE)}
        while True:
            async with self._session.get(self._where(namespace), params=query) as answer:
                page = orjson.loads(await answer.read())
            result += page["items"]
            if not (token := page["metadata"].get("continue")):
                return result
            query["continue"] = token

    async def watch(self, namespace: str, version: str) -> AsyncIterator[Object]:
        """Yield the events about final notifications after a version, as long as the API server sends them.

        Only final notifications are watched, which halves the cost of the watch.
        """
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "3600"}
        query["fieldSelector"] = FINAL_ALONE
        async with self._session.get(self._where(namespace), params=query) as answer:
            async for line in answer.content:
                yield orjson.loads(line)

    async def remove_some(self, namespace: str) -> None:
        """Delete as many notifications as the API server can handle in one request."""
        async with self._session.delete(self._where(namespace), params={"limit": str(PAGE)}) as answer:
            async for _ in answer.content.iter_chunked(LONGEST_LINE):
                pass

    async def is_empty(self, namespace: str) -> bool:
        async with self._session.get(self._where(namespace), params={"limit": "1"}) as answer:
            return not orjson.loads(await answer.read())["items"]

    async def send(self, method: str, path: str, body: bytes | None = None) -> Object:
        """Send a request about any object, and return the answer.

        Raises:
            aiohttp.ClientResponseError: it is rejected.
        """
        async with self._session.request(method, f"{self._server}{path}", data=body, headers=JSON) as answer:
            result: Object = orjson.loads(await answer.read())
        return result

    async def events(self, path: str, version: str) -> AsyncIterator[Object]:
        """Yield the events about the objects of any collection after a version."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "3600"}
        async with self._session.get(f"{self._server}{path}", params=query) as answer:
            async for line in answer.content:
                yield orjson.loads(line)

    def _where(self, namespace: str) -> str:
        return f"{self._server}{GROUP}/namespaces/{namespace}/notificationrequests"


@asynccontextmanager
async def api(kubeconfig: Path, *, connections: int) -> AsyncIterator[Api]:
    """Give the API server of a kubeconfig's current context, with its credentials."""
    configuration = Configuration()
    await load_kube_config(str(kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        ssl = client.rest_client.ssl_context
        headers = await auth_headers(client)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=ssl),
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=LONGEST_LINE,
        raise_for_status=True,
    ) as session:
        yield Api(configuration.host, session)
        # Open connections are closed by callbacks of their transports.
        await asyncio.sleep(0)
