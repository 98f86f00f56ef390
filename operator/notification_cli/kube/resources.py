"""Notifications, receivers and sources as the API server holds them: single, in pages of bounded size, and as they change."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.views.text import clean
from notification_contract import names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from notification_cli.kube.connection import Connection

FIRST_PAGE: Final = 20
"""Objects of the first page: the first lines appear early, whatever the objects' sizes are."""
LARGEST_PAGE: Final = 500
PAGE_BYTES: Final = 2_000_000
"""Aim for the size of a page; an object may have a megabyte."""
WATCH_SECONDS: Final = 240
ATTEMPTS: Final = 3
"""Listings that may expire in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects: an empty namespace means all."""

    namespace: str = ""
    labels: str = ""
    """A label selector, as in kubectl."""
    fields: str = ""
    """A field selector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some objects of a listing, in the order of namespace and name."""

    items: Sequence[dict[str, Any]]
    next: str = ""
    """The token that continues the listing; empty at its end."""
    version: str = ""
    """The version to watch from."""


class Resource:
    """The objects of one kind, over one connection."""

    def __init__(self, connection: Connection, plural: str, noun: str) -> None:
        self._connection = connection
        self._plural = plural
        self._noun = noun

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        """Return one object.

        Raises:
            CliError: there is none of this name.
            ApiError: it cannot be read.
        """
        try:
            return await self._connection.get(self._path(namespace, name))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND and error.of_object:
                raise CliError(f"there is no {self._noun} {name} in namespace {namespace}") from None
            raise

    async def page(self, selection: Selection, *, limit: int, start: str = "") -> Page:
        query = {**_query(selection), "limit": limit} | ({"continue": start} if start else {})
        listing = await self._connection.get(self._path(selection.namespace), query)
        meta = listing["metadata"]
        return Page(
            items=listing["items"], next=meta.get("continue") or "", version=meta.get("resourceVersion") or ""
        )

    async def pages(self, selection: Selection, *, limit: int = 0, start: str = "") -> AsyncIterator[Page]:
        """Yield pages, together at most `limit` objects if it is not 0; their size follows that of the objects."""
        size, left, expired = FIRST_PAGE, limit, 0
        while True:
            try:
                page = await self.page(selection, limit=min(size, left) if limit else size, start=start)
            except ApiError as error:
                # The API server names where to continue with newer objects; some may be missed or repeated.
                if error.status != HTTPStatus.GONE or not error.next_page or expired >= ATTEMPTS:
                    raise
                start, expired = error.next_page, expired + 1
                continue
            yield page
            start, left, size = page.next, left - len(page.items), next_size(page)
            if not start or (limit and left <= 0):
                return

    def changes(self, selection: Selection, version: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events after a version until the API server ends the watch."""
        query = {**_query(selection), "resourceVersion": version, "allowWatchBookmarks": "true"}
        return self._connection.watch(self._path(selection.namespace), query, seconds=WATCH_SECONDS)

    def _path(self, namespace: str = "", name: str = "") -> str:
        return collection(namespace, self._plural) + (f"/{quote(name, safe='')}" if name else "")


class Notifications(Resource):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, names.PLURAL, "notification")

    async def create(
        self, namespace: str, obj: Mapping[str, Any], *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Create a notification and return it as stored; with `dry_run` the API server only checks it.

        Raises:
            CliError: the notification itself is invalid; the message names the field.
            ApiError: it cannot be created; its status is 409 if the name is taken.
        """
        try:
            return await self._connection.create(self._path(namespace), obj, dry_run=dry_run)
        except ApiError as error:
            if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                raise CliError(str(error)) from None
            raise

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Delete a notification unless another one has its name by now.

        Raises:
            ApiError: it cannot be deleted; its status is 404 or 409 if there is another one or none.
        """
        await self._connection.delete(self._path(namespace, name), uid)

    async def config_map(self, namespace: str, name: str) -> dict[str, Any]:
        return await self._connection.get(f"/api/v1/namespaces/{quote(namespace)}/configmaps/{quote(name)}")

    async def of_incidents(self, namespace: str, selector: str) -> AsyncIterator[Page]:
        """Yield the notifications that a selector of incidents chooses; with an older CRD all notifications."""
        try:
            async for page in self.pages(Selection(namespace=namespace, fields=selector)):
                yield page
        except ApiError as error:
            if not error.unselectable:
                raise
            async for page in self.pages(Selection(namespace=namespace)):
                yield page


class Receivers(Resource):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, names.RECEIVER_PLURAL, "receiver")

    async def asked(self, namespace: str, name: str) -> dict[str, Any]:
        """Return one receiver; the error names the namespaces that have another one of this name.

        Raises:
            CliError: there is none of this name in the namespace.
            ApiError: it cannot be read.
        """
        try:
            return await self.get(namespace, name)
        except CliError as error:
            if error.code is not ExitCode.NEGATIVE or not (places := await self._places(name)):
                raise
            raise CliError(f"{error}; namespace {', '.join(places)} has one: add -n {places[0]}") from None

    async def _places(self, name: str) -> list[str]:
        """Return the namespaces with a receiver of this name; none if the user may not list all."""
        try:
            pages = [page async for page in self.pages(Selection(fields=f"metadata.name={name}"))]
        except ApiError:
            return []
        metas = [item["metadata"] for page in pages for item in page.items]
        return [clean(meta["namespace"]) for meta in metas if meta["name"] == name]

    async def request_test(self, namespace: str, name: str, requested_at: str) -> dict[str, Any]:
        """Ask the operator for a test message, by an annotation."""
        change = {"metadata": {"annotations": {names.TEST_ANNOTATION: requested_at}}}
        return await self._connection.merge(self._path(namespace, name), change)

    async def suspend(self, namespace: str, name: str, *, suspend: bool) -> dict[str, Any]:
        return await self._connection.merge(self._path(namespace, name), {"spec": {"suspend": suspend}})

    async def namespace_labels(self, name: str) -> dict[str, str]:
        namespace = await self._connection.get(f"/api/v1/namespaces/{quote(name, safe='')}")
        labels: dict[str, str] = namespace["metadata"].get("labels") or {}
        return labels


class Sources(Resource):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, names.SOURCE_PLURAL, "source")


def collection(namespace: str = "", plural: str = names.PLURAL) -> str:
    """Return the URL path of the objects in a namespace, or in all."""
    within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"/apis/{names.API_VERSION}{within}/{plural}"


def next_size(page: Page) -> int:
    """Return how many objects the next page may have, by the size of these."""
    if not page.items:
        return LARGEST_PAGE
    # The longest text is the body; the rest of an object is about as long as its status.
    characters = sum(len(item["spec"].get("body", "")) + 1500 for item in page.items)
    return max(1, min(LARGEST_PAGE, PAGE_BYTES * len(page.items) // characters))


def _query(selection: Selection) -> dict[str, str]:
    query = {"labelSelector": selection.labels, "fieldSelector": selection.fields}
    return {key: value for key, value in query.items() if value}
