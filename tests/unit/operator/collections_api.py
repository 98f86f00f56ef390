"""A small API server on 127.0.0.1 for any kind: pages, selectors, watches with bookmarks, status writes, and failures.

A CRD is installed while its plural is in `crds`. As on a real API server, a path of a kind that does not exist is
answered with a plain page, not with a Status.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from tests.unit.loopback import listening
from tests.unit.operator.kube_api import expired, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GROUP_VERSION = "kubernaut.ai/v1alpha1"
RECEIVERS = "notificationreceivers"
Object = dict[str, Any]
Key = tuple[str, str, str]
"""Plural, namespace and name."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of an object; None before it was created, and after it was deleted."""

    key: Key
    before: Object | None
    after: Object | None
    obj: Object
    """The object with the version of the change."""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """The objects that a request is about."""

    plural: str
    namespace: str | None
    name: str = ""
    """The name in the field selector; empty without one."""
    labels: frozenset[tuple[str, str]] = frozenset()
    """The labels in the label selector."""
    metadata_only: bool = False

    def holds(self, key: Key, obj: Object | None) -> bool:
        """Return whether an object, as it is or was, is selected; None for one that does not exist."""
        plural, namespace, name = key
        return (
            obj is not None
            and plural == self.plural
            and self.namespace in {None, namespace}
            and self.name in {"", name}
            and self.labels <= (obj["metadata"].get("labels") or {}).items()
        )

    def event(self, change: Change) -> Object | None:
        """Return the event of a change: an object appears when it is first selected, and is deleted when it is no longer."""
        was, is_ = self.holds(change.key, change.before), self.holds(change.key, change.after)
        kind = {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}.get((was, is_))
        return {"type": kind, "object": self.shown(change.obj)} if kind else None

    def shown(self, obj: Object) -> Object:
        return {"metadata": obj["metadata"]} if self.metadata_only else obj


@dataclass(eq=False, kw_only=True)
class Watcher:
    """An open watch."""

    collection: Collection
    request: web.Request
    queue: asyncio.Queue[Object | None] = field(default_factory=asyncio.Queue)

    @property
    def open(self) -> bool:
        """Whether the client has not closed the connection."""
        return self.request.transport is not None and not self.request.transport.is_closing()


class CollectionsApi:
    """Holds objects of any kind, and records every request."""

    def __init__(self) -> None:
        self.url = ""
        self.objects: dict[Key, Object] = {}
        self.version = 100
        self.crds = {RECEIVERS}
        self.group_exists = True
        """Whether another CRD of the group is installed."""
        self.groups: object = None
        """The answer to a request for the API groups, in place of the real one."""
        self.refusals: dict[str, int] = {}
        """The status with which a path is refused."""
        self.plain_404 = False
        """Whether a load balancer in front answers everything with its own page."""
        self.expired_pages = 0
        """How many requests for a further page are refused because the listing has expired."""
        self.forgotten = 0
        """Watches from an older version than this are refused as expired."""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and query."""
        self.accepts: list[str] = []
        self._history: list[tuple[int, Change]] = []
        self._watchers: list[Watcher] = []

    def put(self, plural: str, namespace: str, name: str, **content: Any) -> Object:
        """Create or change an object; a new spec increments the generation. `meta` is merged into the metadata."""
        key = plural, namespace, name
        before = self.objects.get(key, {"metadata": {"uid": f"uid-{name}-{self.version}", "generation": 0}})
        meta = {**before["metadata"], "namespace": namespace, "name": name, **content.pop("meta", {})}
        changed = "spec" in content and content["spec"] != before.get("spec")
        meta["generation"] += changed
        kind = {"type": "Opaque"} if plural == "secrets" else {}
        fields = {"apiVersion": GROUP_VERSION, "kind": "Any", **kind, **before, **content}
        self._store(key, {**fields, "metadata": meta})
        return self.objects[key]

    def remove(self, plural: str, namespace: str, name: str) -> None:
        """Delete an object."""
        obj = self.objects.pop((plural, namespace, name))
        self.version += 1
        meta = {**obj["metadata"], "resourceVersion": str(self.version)}
        last = {**obj, "metadata": meta}
        self._send(Change(key=(plural, namespace, name), before=obj, after=None, obj=last))

    def install(self, plural: str) -> None:
        """Install a CRD."""
        self.crds.add(plural)

    def uninstall(self, plural: str) -> None:
        """Delete a CRD and its objects; its watches end."""
        self.crds.discard(plural)
        self.objects = {key: obj for key, obj in self.objects.items() if key[0] != plural}
        self.cut()

    def send_error(self, code: int) -> None:
        """Send every watch an ERROR event, after which it has no version to go on from."""
        self.forgotten = self.version + 1 if code == 410 else self.forgotten
        for watcher in self._watchers:
            status = {"kind": "Status", "code": code, "message": "injected"}
            watcher.queue.put_nowait({"type": "ERROR", "object": status})

    def send_bookmarks(self) -> None:
        """Tell every watch the present version."""
        for watcher in self._watchers:
            meta = {"resourceVersion": str(self.version)}
            watcher.queue.put_nowait({"type": "BOOKMARK", "object": {"metadata": meta}})

    def cut(self) -> None:
        """End every watch in order."""
        for watcher in self._watchers:
            watcher.queue.put_nowait(None)

    @property
    def watched(self) -> list[str]:
        """The paths of the open watches, with the selected name."""
        return sorted(
            "/".join(filter(None, (each.collection.namespace, each.collection.plural, each.collection.name)))
            for each in self._watchers
            if each.open
        )

    def listings(self, part: str = "") -> int:
        """Return the number of requests for the first page of paths that contain a part."""
        return sum(
            method == "GET" and "limit" in query and "continue" not in query and part in path
            for method, path, query in self.requests
        )

    def _store(self, key: Key, obj: Object) -> None:
        before = self.objects.get(key)
        self.version += 1
        meta = {**obj["metadata"], "resourceVersion": str(self.version)}
        stored = self.objects[key] = {**obj, "metadata": meta}
        self._send(Change(key=key, before=before, after=stored, obj=stored))

    def _send(self, change: Change) -> None:
        self._history.append((self.version, change))
        for watcher in self._watchers:
            if event := watcher.collection.event(change):
                watcher.queue.put_nowait(event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        self.accepts.append(request.headers.get("Accept", ""))
        if request.path in self.refusals:
            return refusal(self.refusals[request.path], "refused")
        return not_found() if self.plain_404 else await self._answer(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        match request.path.strip("/").split("/"):
            case ["apis", *version] if len(version) != 1 and len(version) < 3:
                return self._discovery(version)
            case ["api", "v1", "namespaces"]:
                return await self._collection(request, "namespaces", None)
            case ["api", "v1", "namespaces", namespace, plural]:
                return await self._collection(request, plural, namespace)
            case ["apis", _, _, *path] if {*path} & self.crds:
                return await self._custom(request, path)
            case _:
                return not_found()

    def _discovery(self, version: list[str]) -> web.Response:
        """Return the groups, or the kinds of the group."""
        exists = self.group_exists or bool(self.crds)
        if not version:
            groups = [{"versions": [{"groupVersion": GROUP_VERSION}]}] if exists else []
            return web.json_response({"groups": groups} if self.groups is None else self.groups)
        if not exists:
            return not_found()
        return web.json_response({"resources": [{"name": plural} for plural in self.crds]})

    async def _custom(self, request: web.Request, path: list[str]) -> web.StreamResponse:
        match path:
            case [plural]:
                return await self._collection(request, plural, None)
            case ["namespaces", namespace, plural]:
                return await self._collection(request, plural, namespace)
            case ["namespaces", namespace, plural, name, *_]:
                return await self._object(request, (plural, namespace, name))
            case _:
                return not_found()

    async def _object(self, request: web.Request, key: Key) -> web.Response:
        stored = self.objects.get(key)
        if stored is None:
            return refusal(404, "not found")
        if request.method == "PUT":
            body = await request.json()
            if any(body["metadata"][name] != stored["metadata"][name] for name in ("uid", "resourceVersion")):
                return refusal(409, "the object has been modified")
            self._store(key, {**stored, "status": body["status"]})
        return web.json_response(self.objects[key])

    async def _collection(
        self, request: web.Request, plural: str, namespace: str | None
    ) -> web.StreamResponse:
        query = request.query
        collection = Collection(
            plural=plural,
            namespace=namespace,
            name=query.get("fieldSelector", "").removeprefix("metadata.name="),
            labels=_labels(query.get("labelSelector", "")),
            metadata_only="as=PartialObjectMetadata" in request.headers["Accept"],
        )
        if "watch" in query:
            if int(query["resourceVersion"]) < self.forgotten:
                self.forgotten = 0
                return refusal(410, "too old resource version")
            return await self._watch(request, collection)
        if "continue" in query and self.expired_pages:
            self.expired_pages -= 1
            return expired(query["continue"])
        matching = [
            collection.shown(obj) for key, obj in sorted(self.objects.items()) if collection.holds(key, obj)
        ]
        at, limit = int(query.get("continue", "0")), int(query["limit"])
        meta = {"resourceVersion": str(self.version)}
        if at + limit < len(matching):
            meta["continue"] = str(at + limit)
        # As an API server: an empty list of metadata is null.
        items = matching[at:][:limit] or (None if collection.metadata_only else [])
        return web.json_response({"metadata": meta, "items": items})

    async def _watch(self, request: web.Request, collection: Collection) -> web.StreamResponse:
        watcher, response = Watcher(collection=collection, request=request), web.StreamResponse()
        for version, change in self._history:
            if version > int(request.query["resourceVersion"]) and (event := collection.event(change)):
                watcher.queue.put_nowait(event)
        self._watchers.append(watcher)
        try:
            await response.prepare(request)
            while (sent := await watcher.queue.get()) is not None:
                await response.write(json.dumps(sent).encode() + b"\n")
        except ConnectionResetError:
            pass  # the client closed the connection
        finally:
            self._watchers.remove(watcher)
        return response


def _labels(selector: str) -> frozenset[tuple[str, str]]:
    """Return the labels of a selector such as `a=b,c=d`."""
    pairs = (each.partition("=") for each in filter(None, selector.split(",")))
    return frozenset((name, value) for name, _, value in pairs)


def not_found() -> web.Response:
    """Return the page of a path that does not exist."""
    return web.Response(status=404, text="404 page not found\n")


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[CollectionsApi]:
    """Run a server."""
    api = CollectionsApi()
    async with listening(api.handle) as api.url:
        try:
            yield api
        finally:
            api.cut()


@contextlib.asynccontextmanager
async def watching_client(api: CollectionsApi) -> AsyncIterator[ApiClient]:
    """Return a client of the server, without a limit on connections."""
    configuration = Configuration(host=api.url)
    configuration.connection_pool_maxsize = 0
    async with ApiClient(configuration) as client:
        yield client
