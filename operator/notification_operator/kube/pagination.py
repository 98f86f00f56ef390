"""Listings in pages: a listing as a whole may be larger than this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource

PAGE: Final = 100
"""Objects per page; each may have a body of some ten kilobytes."""
SECONDS: Final = 30.0
"""Time limit for one page."""


def collection(kind: Resource, namespace: str | None = None) -> str:
    """Return the URL path of a kind's objects, in one namespace or in all."""
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{kind.group}/{kind.version}{within}/{kind.plural}"


async def pages(client: ApiClient, path: str, selector: str = "") -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Yield the objects of a collection that match a field selector, page by page; an empty one matches all.

    Raises:
        KubeError: a page could not be read; `expired` when the API server no longer holds the listing's version.
    """
    query: dict[str, Any] = {"limit": PAGE} | ({"fieldSelector": selector} if selector else {})
    while True:
        page = await call(client, "GET", path, query=query, seconds=SECONDS)
        yield page["items"]
        query["continue"] = page["metadata"].get("continue")
        if not query["continue"]:
            return
