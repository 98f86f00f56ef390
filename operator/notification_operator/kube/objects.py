"""The objects of a kind, over the Kubernetes API: listed page by page, and deleted as they were seen.

A page has a bounded size: a listing as a whole, or a page of large objects, may not fit into this process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from atomic_status import Resource
from notification_contract import names
from notification_operator.kube.requests import JSON, ResponseTooLargeError, call, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.aio.client import ApiClient

    from atomic_status import ObjectRef

RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.PLURAL)
"""NotificationRequest."""
RECEIVER_RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.RECEIVER_PLURAL)
"""NotificationReceiver."""

PAGE: Final = 100
"""Objects per page."""
METADATA_PAGE: Final = 500
"""Objects per page where only their metadata is listed."""
PAGE_BYTES: Final = 4 * 1024 * 1024
"""The largest page; a larger one is requested again with fewer objects. Decoded, text may take four times as much."""
FACTOR: Final = 4
"""By this factor a page shrinks that is too large, and grows again where it fits into the limit so often."""
SECONDS: Final = 30.0
"""Time limit for one page."""
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Asks for objects without spec and status, as the events of a watch."""
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""The same for a listing."""
Pages: TypeAlias = Callable[[str | None], AsyncIterator[Sequence[dict[str, Any]]]]
"""Returns the pages of the objects in a namespace, or in all."""
DELETE_SECONDS: Final = 10.0
"""Time limit for one deletion."""


def collection(kind: Resource, namespace: str | None = None) -> str:
    """Return the URL path of a kind's objects, in one namespace or in all."""
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{kind.group}/{kind.version}{within}/{kind.plural}"


async def pages(
    client: ApiClient, path: str, selector: str = "", *, metadata_only: bool = False
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Yield the objects of a collection that match a field selector, page by page; an empty one matches all.

    Raises:
        KubeError: a page could not be read; `expired` when the API server no longer holds the listing's version.
    """
    query = {"fieldSelector": selector} if selector else {}
    async for page in lists(client, path, query, metadata_only=metadata_only):
        yield page["items"]


async def lists(
    client: ApiClient,
    path: str,
    query: Mapping[str, Any],
    *,
    metadata_only: bool,
    seconds: float = SECONDS,
) -> AsyncIterator[dict[str, Any]]:
    """Yield the pages of a collection as lists with their metadata; see `pages`."""
    accept, most = (METADATA_LIST, METADATA_PAGE) if metadata_only else (JSON, PAGE)
    request, limit = dict(query), most
    while True:
        request["limit"] = limit
        bound = PAGE_BYTES if limit > 1 else None
        try:
            page, size = await read(
                client, path, query=request, accept=accept, seconds=seconds, max_bytes=bound
            )
        except ResponseTooLargeError:
            limit = max(limit // FACTOR, 1)
            continue
        # The API server writes null for an empty list of metadata.
        yield {**page, "items": page["items"] or []}
        request["continue"] = page["metadata"].get("continue")
        if not request["continue"]:
            return
        if size * FACTOR <= PAGE_BYTES:
            limit = min(limit * FACTOR, most)
        del page


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
