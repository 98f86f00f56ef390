"""The watch cache: the copy of each notification that the naive controller decides on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from atomic_status import Resource
from notification_domain.key import Key
from notification_runtime.kube.requests import KubeError, call, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.aio.client import ApiClient

RESOURCE = Resource(group="kubernaut.ai", version="v1alpha1", plural="notificationrequests")
WATCH_SECONDS, PAUSE_SECONDS = 300, 1.0
"""When the API server ends a watch; the delay between two lists."""

logger = structlog.get_logger(__name__)


class WatchCache:
    """Lists and watches the notifications of one namespace, or of all."""

    def __init__(self, client: ApiClient, *, namespace: str | None) -> None:
        where = f"/namespaces/{namespace}" if namespace else ""
        self._client = client
        self._path = f"/apis/{RESOURCE.group}/{RESOURCE.version}{where}/{RESOURCE.plural}"
        self._objects: dict[Key, dict[str, Any]] = {}

    def get(self, key: Key) -> dict[str, Any] | None:
        """Return the last state that the watch has shown."""
        return self._objects.get(key)

    async def follow(self, changed: Callable[[Key], None]) -> None:
        """Report each change, without end; a watch that ends or breaks starts again with a list."""
        while True:
            try:
                version = await self._list(changed)
                logger.info("watching", notifications=len(self._objects))
                await self._watch(version, changed)
            except KubeError as error:
                logger.warning("watch failed; listing again", error=str(error))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _list(self, changed: Callable[[Key], None]) -> str:
        listed = await call(self._client, "GET", self._path, seconds=60)
        self._objects = {_key(obj): obj for obj in listed["items"]}
        for key in self._objects:
            changed(key)
        version: str = listed["metadata"]["resourceVersion"]
        return version

    async def _watch(self, version: str, changed: Callable[[Key], None]) -> None:
        query = {"resourceVersion": version, "timeoutSeconds": WATCH_SECONDS}
        async with watch(self._client, self._path, query=query, seconds=WATCH_SECONDS + 20) as events:
            async for event in events:
                key = _key(event["object"])
                if event["type"] == "DELETED":
                    self._objects.pop(key, None)
                else:
                    self._objects[key] = event["object"]
                changed(key)


def _key(obj: Mapping[str, Any]) -> Key:
    meta = obj["metadata"]
    return Key(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
