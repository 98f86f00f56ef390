"""The objects of a kind, over the Kubernetes API: listed page by page, created, and deleted as they were seen.

A page has a bounded size: a listing as a whole, or a page of large objects, may not fit into this process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from atomic_status import Resource
from notification_contract import names
from notification_domain.incident import incident_selector
from notification_runtime.kube.requests import JSON, KubeError, ResponseTooLargeError, call, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.aio.client import ApiClient

    from atomic_status import ObjectRef

RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.PLURAL)
"""NotificationRequest."""
RECEIVER_RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.RECEIVER_PLURAL)
"""NotificationReceiver."""
SOURCE_RESOURCE: Final = Resource(group=names.GROUP, version=names.VERSION, plural=names.SOURCE_PLURAL)
"""NotificationSource."""

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
TABLE: Final = "application/json;as=Table;g=meta.k8s.io;v=v1"
"""Asks for rows, of a listing or of an event: the metadata of objects, and the columns that kubectl shows."""
FROM_MEMORY: Final = frozenset({"resourceVersion", "resourceVersionMatch"})
"""With these an API server answers from its memory. It may ignore the limit then, and takes no token of a page."""
Pages: TypeAlias = Callable[[str | None], AsyncIterator[Sequence[dict[str, Any]]]]
"""Returns the pages of the objects in a namespace, or in all."""
CHANGE_SECONDS: Final = 10.0
"""Time limit for one creation or deletion."""


def collection(kind: Resource, namespace: str | None = None) -> str:
    """Return the URL path of a kind's objects, in one namespace or in all."""
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{kind.group}/{kind.version}{within}/{kind.plural}"


class Rows:
    """Turns the tables of one listing or watch into objects: metadata, and the incident of a notification.

    No other form leaves out the text of a notification, which may be a megabyte, and has a field of its spec.
    """

    def __init__(self) -> None:
        self._incident: int | None = None
        """The column of the incident; only the first table of a watch describes its columns."""

    def objects(self, table: Mapping[str, Any]) -> list[dict[str, Any]]:
        columns = [each["name"] for each in table.get("columnDefinitions") or ()]
        if columns:
            self._incident = (
                columns.index(names.INCIDENT_COLUMN) if names.INCIDENT_COLUMN in columns else None
            )
        return [self._object(row) for row in table.get("rows") or ()]

    def _object(self, row: Mapping[str, Any]) -> dict[str, Any]:
        key = None if self._incident is None else row["cells"][self._incident]
        return {**row["object"], "spec": {"dedupKey": key} if key else {}}


async def pages(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    path: str,
    selector: str = "",
    *,
    oldest: str = "",
    as_rows: bool = False,
    is_consistent: bool = True,
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Yield the objects of a collection that match a field selector, page by page; an empty one matches all.

    With `oldest`, the API server may answer from its memory, if that is at least as new as this version.
    Unless `is_consistent`, a listing that outlives its version goes on with later ones.

    Raises:
        KubeError: a page could not be read; `expired` when the API server no longer holds the listing's version.
    """
    query, accept = {"fieldSelector": selector} if selector else {}, TABLE if as_rows else JSON
    if oldest:
        query |= {"resourceVersion": oldest, "resourceVersionMatch": "NotOlderThan"}
    async for page in lists(client, path, query, accept=accept, is_consistent=is_consistent):
        yield page["items"]
        # The next page is read without this one in memory, unless the caller holds it.
        del page


async def lists(  # noqa: PLR0913 - the parts of a request
    client: ApiClient,
    path: str,
    query: Mapping[str, Any],
    *,
    accept: str = JSON,
    seconds: float = SECONDS,
    is_consistent: bool = True,
) -> AsyncIterator[dict[str, Any]]:
    """Yield the pages of a collection as lists with their metadata; see `pages`. `accept` is the form of the objects."""
    most = PAGE if accept == JSON else METADATA_PAGE
    request, limit = dict(query), most
    while True:
        request["limit"] = limit
        bound = PAGE_BYTES if limit > 1 else None
        try:
            page, size = await read(
                client, path, query=request, accept=accept, seconds=seconds, max_bytes=bound
            )
        except ResponseTooLargeError:
            request, limit = _paged(request), max(limit // FACTOR, 1)
            continue
        except KubeError as error:
            if is_consistent or error.continue_token in {"", request.get("continue")}:
                raise
            request["continue"] = error.continue_token
            continue
        # The API server writes null for an empty list of metadata.
        yield {**page, "items": Rows().objects(page) if accept == TABLE else page["items"] or []}
        request = {**_paged(request), "continue": page["metadata"].get("continue")}
        if not request["continue"]:
            return
        if size * FACTOR <= PAGE_BYTES:
            limit = min(limit * FACTOR, most)
        del page


def _paged(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request that is not answered from memory."""
    return {name: value for name, value in request.items() if name not in FROM_MEMORY}


class KubeObjects:
    """Lists, creates and deletes the objects of one kind."""

    def __init__(self, client: ApiClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource

    def rows(self, namespace: str | None, *, selector: str) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Return the pages of the objects in a namespace, or in all, that a field selector chooses, as rows."""
        return pages(self._client, collection(self._resource, namespace), selector, as_rows=True)

    def inconsistent_pages(self, namespace: str | None) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Return the pages of the objects in a namespace, or in all, however long that takes.

        Of an object that is created, changed or deleted meanwhile, any state may be listed, or none.
        """
        return pages(self._client, collection(self._resource, namespace), is_consistent=False)

    def of_incident(
        self, namespace: str, dedup_key: str, version: str
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Return the pages of the notifications of an incident, as old as a version or consistent."""
        path = collection(self._resource, namespace)
        return pages(self._client, path, incident_selector(dedup_key), oldest=version)

    async def create(self, document: Mapping[str, Any]) -> None:
        """Create an object.

        Raises:
            KubeError: it was not created, or there is no answer.
        """
        path = collection(self._resource, document["metadata"]["namespace"])
        await call(self._client, "POST", path, body=document, seconds=CHANGE_SECONDS)

    async def delete(self, ref: ObjectRef, *, uid: str, version: str) -> None:
        """Delete an object, unless it was replaced or changed since this version."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, "resourceVersion": version},
        }
        await call(self._client, "DELETE", self._resource.path(ref), body=body, seconds=CHANGE_SECONDS)
