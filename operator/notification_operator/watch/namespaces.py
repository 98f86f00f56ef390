"""The namespaces that are served when a label selector chooses them, kept by a watch of their own.

The API server applies the selector: a namespace that begins to match is added, one that no longer
does is deleted, as far as this watch can see.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from notification_operator.kube.errors import KubeError
from notification_operator.kube.pagination import collection, pages
from notification_operator.watch.event_handler import DELETED

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource
    from notification_operator.watch.event_handler import Bell

PAUSE = 1.0
"""Seconds before a listing that failed is tried again."""

logger = structlog.get_logger(__name__)


class SelectedNamespaces:
    """Names of namespaces that match; one that comes in has its notifications listed once."""

    def __init__(self, client: ApiClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource
        self._names: set[str] = set()
        self.selector = ""
        """The field selector of the notifications that are listed; an empty one chooses all."""

    def __contains__(self, name: str) -> bool:
        """Return whether the namespace matches now."""
        return name in self._names

    async def note(self, event_type: str | None, name: str, bell: Bell) -> None:
        """Take note of an event of the namespace watch."""
        if event_type == DELETED:
            self._names.discard(name)
            logger.info("namespace left", namespace=name)
        elif name not in self._names:
            self._names.add(name)
            logger.info("namespace joined", namespace=name)
            await self._list(name, bell)

    async def _list(self, name: str, bell: Bell) -> None:
        """Ring for what is there already; an API server that fails is asked until it answers."""
        path = collection(self._resource, name)
        while name in self._names:
            try:
                async for page in pages(self._client, path, self.selector):
                    for obj in page:
                        bell.ring(None, obj)
            except KubeError as error:
                logger.warning("namespace not listed, will try again", namespace=name, error=str(error))
                await asyncio.sleep(PAUSE)
            else:
                return
