"""A watch of one ConfigMap: its present state, then each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_operator.watch.collection_watch import Changed, Collection, CollectionWatch, Listed, Removed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from kubernetes.aio.client import ApiClient

    from atomic_status import ObjectRef


class ConfigMapWatch:
    """Lists and watches by name, so that permission for this one ConfigMap is enough."""

    def __init__(self, client: ApiClient, ref: ObjectRef) -> None:
        collection = Collection(
            path=f"/api/v1/namespaces/{ref.namespace}/configmaps",
            name=f"ConfigMap {ref.name} in namespace {ref.namespace}",
            field_selector=f"metadata.name={ref.name}",
        )
        self.watch = CollectionWatch(client, collection, keep=_whole)

    @property
    def error(self) -> str:
        """Why the ConfigMap cannot be read or watched now; empty while it can."""
        return self.watch.error

    async def changes(self) -> AsyncIterator[Mapping[str, Any] | None]:
        """Yield the ConfigMap (None when it does not exist), again after each change, without end."""
        async for event in self.watch.changes():
            match event:
                case Listed(items=items):
                    yield next(iter(items), None)
                case Changed(item=config_map):
                    yield config_map
                case Removed():
                    yield None
                case _:
                    continue  # a failure, which is retried


def _whole(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return obj
