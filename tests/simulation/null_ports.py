"""Ports that do nothing, for operators that do not need them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from notification_operator.observers.audit.store import AuditStore
from notification_runtime.kube.collection_watch import CollectionWatch, Listed
from notification_runtime.kube.events import EventRecorder
from notification_runtime.kube.objects import KubeObjects
from notification_runtime.leadership.lease import KubeLeases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from notification_runtime.kube.collection_watch import Event

CHANGE_INTERVAL = 7.0
"""Virtual seconds between two changes of a ConfigMap."""


class SimulatedDocument(CollectionWatch[Any]):
    """A ConfigMap that has one content after another; None while it does not exist."""

    error = ""

    def __init__(self, contents: Sequence[Mapping[str, Any] | None]) -> None:
        self._contents = contents

    async def changes(self) -> AsyncIterator[Event[Any]]:
        """Yield the content of this time, and each later one when it comes."""
        loop, last = asyncio.get_running_loop(), len(self._contents) - 1
        while True:
            now = min(int(loop.time() / CHANGE_INTERVAL), last)
            content = self._contents[now]
            yield Listed(() if content is None else (content,))
            if now == last:
                await loop.create_future()
            await asyncio.sleep((now + 1) * CHANGE_INTERVAL - loop.time())


class NoDocument(SimulatedDocument):
    """A cluster without a routing document."""

    def __init__(self) -> None:
        super().__init__((None,))


class NoObjects(KubeObjects):
    """Holds nothing."""

    def __init__(self) -> None:
        """Need no connection."""

    async def rows(self, namespace: str | None, *, selector: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """List nothing."""
        del namespace, selector
        yield ()

    async def of_incident(
        self, namespace: str, dedup_key: str, version: str
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """List nothing."""
        del namespace, dedup_key, version
        yield ()

    async def delete(self, ref: object, *, uid: str, version: str) -> None:
        """Delete nothing."""
        raise NotImplementedError


class NoEvents(EventRecorder):
    """Posts no Kubernetes Events."""

    def __init__(self) -> None:
        """Need no connection."""

    @property
    def tasks(self) -> Mapping[str, bool]:
        """Return no task."""
        return {}

    def start(self) -> None:
        """Start nothing."""

    def record(self, event: object) -> None:
        """Post nothing."""

    async def close(self, seconds: float) -> None:
        """Close nothing."""


class NoLeases(KubeLeases):
    """Is never asked: leader election is disabled."""

    def __init__(self) -> None:
        """Need no connection."""

    async def list(self) -> Sequence[dict[str, Any]]:
        """List nothing."""
        raise NotImplementedError

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Create nothing."""
        raise NotImplementedError

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        """Replace nothing."""
        raise NotImplementedError

    async def delete(self, lease: Mapping[str, Any]) -> None:
        """Delete nothing."""
        raise NotImplementedError


class NoAuditStore(AuditStore):
    """Is never asked: no audit store is configured."""

    async def write(self, events: Sequence[bytes]) -> None:
        """Write nothing."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close nothing."""
