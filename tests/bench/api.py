"""The API server for the load generator: plain requests with prepared bodies, without a client library."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
import orjson

from notification_contract.kinds.choices import Phase
from notification_domain.status import FINAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.harness.cluster import Cluster

Object: TypeAlias = dict[str, Any]

GROUP = "/apis/kubernaut.ai/v1alpha1"
NOTIFICATIONS, RECEIVERS = "notificationrequests", "notificationreceivers"
PAGE = "500"
FINAL_ALONE = ",".join(f"status.phase!={phase}" for phase in sorted(set(Phase) - FINAL))
LONGEST_LINE = 4 * 1024 * 1024
JSON = {"Content-Type": "application/json"}


class Api:
    """The notifications and receivers of any namespace."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def create(self, namespace: str, body: bytes, kind: str = NOTIFICATIONS) -> None:
        """Create an object; raises `aiohttp.ClientResponseError` if it is rejected."""
        async with self._session.post(self._where(namespace, kind), data=body, headers=JSON) as answer:
            await answer.read()

    async def delete(self, namespace: str, name: str, kind: str) -> None:
        async with self._session.delete(f"{self._where(namespace, kind)}/{name}") as answer:
            await answer.read()

    async def version(self, namespace: str) -> str:
        """Return the version that a watch of all further events starts from."""
        version: str = (await self._list(namespace, limit="1"))["metadata"]["resourceVersion"]
        return version

    async def all(self, namespace: str, kind: str = NOTIFICATIONS) -> list[Object]:
        """Return the objects of a namespace, read in pages."""
        result: list[Object] = []
        token: str | None = ""
        while token is not None:
            page = await self._list(namespace, kind, **{"limit": PAGE, "continue": token})
            result += page["items"]
            token = page["metadata"].get("continue")
        return result

    async def incident(self, namespace: str, key: str) -> list[Object]:
        """Return the notifications of an incident from the API server's memory."""
        query = {"fieldSelector": f"spec.dedupKey={key}", "limit": PAGE, "resourceVersion": "0"}
        items: list[Object] = (await self._list(namespace, **query))["items"]
        return items

    async def watch(self, namespace: str, version: str) -> AsyncIterator[Object]:
        """Yield the events about final notifications after a version, as long as the API server sends them.

        Only final notifications are watched, which halves the cost of the watch.
        """
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "3600"}
        query["fieldSelector"] = FINAL_ALONE
        async with self._session.get(self._where(namespace), params=query) as answer:
            async for line in answer.content:
                yield orjson.loads(line)

    async def remove_all(self, namespace: str, kind: str = NOTIFICATIONS) -> None:
        """Delete all objects, with as many in a request as the API server can handle."""
        while (await self._list(namespace, kind, limit="1"))["items"]:
            async with self._session.delete(self._where(namespace, kind), params={"limit": PAGE}) as answer:
                async for _ in answer.content.iter_chunked(LONGEST_LINE):
                    pass

    async def _list(self, namespace: str, kind: str = NOTIFICATIONS, **query: str) -> Object:
        async with self._session.get(self._where(namespace, kind), params=query) as answer:
            result: Object = orjson.loads(await answer.read())
        return result

    def _where(self, namespace: str, kind: str = NOTIFICATIONS) -> str:
        return f"{self._server}{GROUP}/namespaces/{namespace}/{kind}"


@asynccontextmanager
async def api(cluster: Cluster, token: str, *, connections: int) -> AsyncIterator[Api]:
    """Give the API server of a cluster, with the rights of a token."""
    configuration = cluster.api.configuration
    trust = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=trust),
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=LONGEST_LINE,
        raise_for_status=True,
    ) as session:
        yield Api(configuration.host, session)
        # Open connections are closed by callbacks of their transports.
        await asyncio.sleep(0)
