"""What there is of a kind, a page at a time: a listing as a whole may be larger than this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource

PAGE: Final = 100
"""Objects in a page; each may have a body of some ten kilobytes."""
SECONDS: Final = 30.0
"""For one page."""


def collection(kind: Resource, namespace: str | None = None) -> str:
    """Return the URL path of a kind's objects, in one namespace or in all."""
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{kind.group}/{kind.version}{within}/{kind.plural}"


async def pages(client: ApiClient, path: str, selector: str = "") -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Yield the objects at a path that a field selector chooses, page by page; an empty one chooses all.

    Raises:
        ApiException: the API server refuses, also (410) when it has forgotten what the first page was part of.
        aiohttp.ClientError, OSError, TimeoutError, ValueError: there is no usable answer.
    """
    query: dict[str, Any] = {"limit": PAGE} | ({"fieldSelector": selector} if selector else {})
    while True:
        found = await call(client, "GET", path, query=query, seconds=SECONDS)
        yield found["items"]
        query["continue"] = found["metadata"].get("continue")
        if not query["continue"]:
            return
