"""NotificationReceivers as the API server holds them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from notification_cli.errors import ApiError, CliError
from notification_cli.kube.notifications import FIRST_PAGE, LARGEST_PAGE, WATCH_SECONDS, Page
from notification_contract import names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_cli.kube.connection import Connection


class Receivers:
    """Reads receivers over one connection, and asks the operator to test them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        """Return one receiver.

        Raises:
            CliError: there is none of this name.
            ApiError: it cannot be read.
        """
        try:
            return await self._connection.get(f"{collection(namespace)}/{quote(name, safe='')}")
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND and error.of_object:
                raise CliError(f"there is no receiver {name} in namespace {namespace}") from None
            raise

    async def page(self, namespace: str, *, limit: int, start: str = "", labels: str = "") -> Page:
        """Return a page of at most so many receivers of a namespace, or of all for an empty name.

        Raises:
            ApiError: they cannot be listed.
        """
        query = {"limit": limit, "continue": start, "labelSelector": labels}
        listing = await self._connection.get(
            collection(namespace), {key: value for key, value in query.items() if value}
        )
        meta = listing["metadata"]
        return Page(
            items=listing["items"], next=meta.get("continue") or "", version=meta.get("resourceVersion") or ""
        )

    async def pages(self, namespace: str, *, labels: str = "") -> AsyncIterator[Page]:
        """Yield the receivers of a namespace, or of all for an empty name, page by page.

        Raises:
            ApiError: they cannot be listed.
        """
        size, start = FIRST_PAGE, ""
        while True:
            page = await self.page(namespace, limit=size, start=start, labels=labels)
            start, size = page.next, LARGEST_PAGE
            yield page
            if not start:
                return

    async def changes(self, namespace: str, version: str, *, name: str = "") -> AsyncIterator[dict[str, Any]]:
        """Yield the events after a version until the API server ends the watch: of all receivers, or of one.

        Raises:
            ApiError: they cannot be watched.
        """
        query = {"resourceVersion": version, "allowWatchBookmarks": "true"}
        query |= {"fieldSelector": f"metadata.name={name}"} if name else {}
        async for event in self._connection.watch(collection(namespace), query, seconds=WATCH_SECONDS):
            yield event

    async def request_test(self, namespace: str, name: str, requested_at: str) -> dict[str, Any]:
        """Ask the operator for a test message, by an annotation.

        Raises:
            ApiError: the receiver cannot be changed.
        """
        change = {"metadata": {"annotations": {names.TEST_ANNOTATION: requested_at}}}
        return await self._connection.merge(f"{collection(namespace)}/{quote(name, safe='')}", change)

    async def namespace_labels(self, name: str) -> dict[str, str]:
        """Return the labels of a namespace.

        Raises:
            ApiError: it cannot be read.
        """
        namespace = await self._connection.get(f"/api/v1/namespaces/{quote(name, safe='')}")
        labels: dict[str, str] = namespace["metadata"].get("labels") or {}
        return labels


def collection(namespace: str = "") -> str:
    """Return the URL path of the receivers in a namespace, or in all."""
    within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"/apis/{names.API_VERSION}{within}/{names.RECEIVER_PLURAL}"
