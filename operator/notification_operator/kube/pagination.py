"""Listings in pages of bounded size: a listing as a whole, or a page of large objects, may not fit into this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_operator.kube.requests import JSON, ResponseTooLargeError, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource

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
