"""The objects of one kind, over the Kubernetes API: listed page by page, and deleted as they were seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from notification_operator.kube.pagination import collection, pages
from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

    from atomic_status import ObjectRef, Resource

Pages: TypeAlias = Callable[[str | None], AsyncIterator[Sequence[dict[str, Any]]]]
"""Returns the pages of the objects in a namespace, or in all."""
DELETE_SECONDS: Final = 10.0
"""For one deletion."""


class KubeObjects:
    """Lists and deletes the objects of one kind."""

    def __init__(self, client: ApiClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource

    def pages(self, namespace: str | None, *, selector: str = "") -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Return the pages of the objects in a namespace, or in all, that a field selector chooses.

        Of chosen objects only the metadata is listed, because the selector has looked at their status.
        """
        path = collection(self._resource, namespace)
        return pages(self._client, path, selector, metadata_only=bool(selector))

    async def delete(self, ref: ObjectRef, *, uid: str, version: str) -> None:
        """Delete an object, unless it was replaced or changed since this version."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, "resourceVersion": version},
        }
        await call(self._client, "DELETE", self._resource.path(ref), body=body, seconds=DELETE_SECONDS)
