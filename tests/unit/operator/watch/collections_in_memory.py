"""Collections that are followed without an API server: their listing, and each change at once."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Any, TypeVar

from notification_contract import names
from notification_runtime.kube.collection_watch import (
    Changed,
    CollectionWatch,
    KubeWatches,
    Listed,
    Removed,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from notification_runtime.kube.collection_watch import Collection, Event

Item = TypeVar("Item")


class Collections(KubeWatches):
    """Objects by path and name; opens watches of them."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._version = 0
        self._streams: list[asyncio.Queue[tuple[str, dict[str, Any], bool]]] = []

    def put(self, path: str, name: str, obj: Mapping[str, Any]) -> None:
        """Create or replace an object."""
        self._version += 1
        metadata = {"name": name, "resourceVersion": str(self._version), **obj.get("metadata", {})}
        stored = self.objects[path, name] = {**obj, "metadata": metadata}
        self._tell(path, stored, exists=True)

    def delete(self, path: str, name: str) -> None:
        self._tell(path, self.objects.pop((path, name)), exists=False)

    def put_receiver(
        self,
        name: str,
        spec: Mapping[str, Any],
        *,
        namespace: str = "shop",
        generation: int = 1,
        uid: str = "",
    ) -> None:
        metadata = {
            "namespace": namespace,
            "name": name,
            "uid": uid or f"uid-{name}",
            "generation": generation,
        }
        self.put(
            f"/apis/{names.API_VERSION}/{names.RECEIVER_PLURAL}", name, {"metadata": metadata, "spec": spec}
        )

    def put_secret(self, name: str, **data: str) -> None:
        encoded = {key: b64encode(value.encode()).decode() for key, value in data.items()}
        self.put("/api/v1/namespaces/shop/secrets", name, {"type": "Opaque", "data": encoded})

    def open(self, collection: Collection, keep: Callable[[Mapping[str, Any]], Item]) -> InMemoryWatch[Item]:
        """See `KubeWatches.open`."""
        return InMemoryWatch(self, collection, keep)

    def listed(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a path; those of one name, if it is not empty."""
        for (where, called), obj in self.objects.items():
            if where == path and name in {"", called}:
                yield obj

    def stream(self) -> asyncio.Queue[tuple[str, dict[str, Any], bool]]:
        """Return the changes from now on."""
        self._streams.append(asyncio.Queue())
        return self._streams[-1]

    def _tell(self, path: str, obj: dict[str, Any], *, exists: bool) -> None:
        for stream in self._streams:
            stream.put_nowait((path, obj, exists))


class InMemoryWatch(CollectionWatch[Item]):
    """The watch of one collection."""

    error = ""
    _served = None

    def __init__(
        self, collections: Collections, collection: Collection, keep: Callable[[Mapping[str, Any]], Item]
    ) -> None:
        self._collections = collections
        self._path = collection.path
        self._name = collection.field_selector.removeprefix("metadata.name=")
        self._keep = keep

    async def changes(self) -> AsyncIterator[Event[Item]]:
        """See `CollectionWatch.changes`."""
        stream = self._collections.stream()
        yield Listed([self._keep(obj) for obj in self._collections.listed(self._path, self._name)])
        while True:
            path, obj, exists = await stream.get()
            if path == self._path and self._name in {"", obj["metadata"]["name"]}:
                yield Changed(self._keep(obj)) if exists else Removed(self._keep(obj))
