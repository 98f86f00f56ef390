"""A small API server on 127.0.0.1 for notifications: paged lists, selection by phase, watches, deletions and failures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.unit.loopback import listening
from tests.unit.operator.kube_api import expired, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GROUP, VERSION, PLURAL = "kubernaut.ai", "v1alpha1", "notificationrequests"
PAST = "2026-11-01T10:00:00.000000Z"
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]


class NotificationsApi:
    """Holds notifications by namespace and name, and records every request."""

    def __init__(self, *, selectable: bool = True) -> None:
        self.url = ""
        self.selectable = selectable
        """Whether the CRD makes `status.phase` selectable."""
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and query."""
        self.deleted: list[tuple[str, float]] = []
        """The names of deleted objects, and the time of each deletion on the loop's clock."""
        self.refuse: dict[str, web.Response] = {}
        """Responses by method, in place of the real ones."""
        self.served = True
        """Whether the CRD exists."""
        self.namespace_refusals: dict[str, int] = {}
        """The status with which requests in a namespace are refused."""
        self.expired_pages = 0
        """How many requests for a further page are refused because the listing has expired."""
        self.namespaces: dict[str, str] = {}
        """The uid of each namespace that the label selector chooses."""
        self.version = 100
        self._watchers: list[_Watcher] = []

    def put(self, name: str, phase: str = "Sent", *, namespace: str = "shop", **more: Any) -> None:
        """Store a notification; `more` is `completed`, `days`, `incident` and metadata."""
        self.version += 1
        status: dict[str, Any] = {"phase": phase}
        if phase in {"Sent", "PartiallySent", "Failed"}:
            status["completionTime"] = more.pop("completed", PAST)
        days, incident = more.pop("days", 7), more.pop("incident", "")
        meta = {
            "namespace": namespace,
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(self.version),
        }
        before = self.objects.get((namespace, name))
        self.objects[namespace, name] = obj = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "NotificationRequest",
            "metadata": meta | more,
            "spec": {"retentionDays": days} | ({"dedupKey": incident} if incident else {}),
            "status": status,
        }
        for watcher in self._watchers:
            if watcher.namespace not in {None, namespace}:
                continue
            selector = watcher.selector
            was, is_ = before is not None and _matches(before, selector), _matches(obj, selector)
            if was or is_:
                kind = ("MODIFIED" if was else "ADDED") if is_ else "DELETED"
                watcher.queue.put_nowait({"type": kind, "object": obj if is_ else {**obj, **(before or {})}})

    def remove(self, name: str, *, namespace: str = "shop") -> None:
        """Delete a notification without an event, as happens while a watch is broken."""
        del self.objects[namespace, name]

    def remove_namespace(self, name: str) -> None:
        """Let the label selector no longer choose a namespace."""
        obj = {"metadata": {"name": name, "uid": self.namespaces.pop(name)}, "spec": {}}
        for watcher in self._watchers:
            if watcher.namespace == "":
                watcher.queue.put_nowait({"type": "DELETED", "object": obj})

    def send_error(self, code: int) -> None:
        """Send every watch an ERROR event, and end it."""
        status = {"kind": "Status", "code": code, "message": "injected"}
        for watcher in self._watchers:
            watcher.queue.put_nowait({"type": "ERROR", "object": status})
        self.end()

    def delete_crd(self) -> None:
        """Delete the CRD, and all notifications with it."""
        self.served = False
        self.objects.clear()
        self.end()

    @property
    def lists(self) -> list[dict[str, str]]:
        """The queries of the listings."""
        return [
            query
            for method, path, query in self.requests
            if method == "GET" and PLURAL in path and "watch" not in query
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        return self._refusal(request) or await self._answer(request)

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Return the injected failure of a request."""
        if request.method in self.refuse:
            response = self.refuse[request.method]
            return web.Response(status=response.status, body=response.body)
        match request.path.strip("/").split("/"):
            case ["apis", group, *_] if group == GROUP and not self.served:
                return refusal(404, "the server could not find the requested resource")
            case ["apis", _, _, "namespaces", namespace, *_] if namespace in self.namespace_refusals:
                return refusal(self.namespace_refusals[namespace], "refused")
            case _:
                return None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        match request.path.strip("/").split("/"):
            case ["api", "v1", "namespaces"]:
                return await self._namespaces(request)
            case ["apis", _, _, "notificationrequests"]:
                return await self._collection(request, None)
            case ["apis", _, _, "namespaces", namespace, "notificationrequests"]:
                return await self._collection(request, namespace)
            case ["apis", _, _, "namespaces", namespace, "notificationrequests", name]:
                return await self._delete(request, namespace, name)
            case parts:
                return _discovery("/".join(parts), served=self.served)

    async def _collection(self, request: web.Request, namespace: str | None) -> web.StreamResponse:
        selector = request.query.get("fieldSelector", "")
        if selector and not self.selectable:
            return refusal(400, 'field label not supported: "status.phase"')
        if "watch" in request.query:
            return await self._watch(request, _Watcher(selector=selector, namespace=namespace))
        if "continue" in request.query and self.expired_pages:
            self.expired_pages -= 1
            return expired(request.query["continue"])
        matching = [
            obj
            for (where, _), obj in sorted(self.objects.items())
            if namespace in {None, where} and _matches(obj, selector)
        ]
        at, limit = (
            int(request.query.get("continue", "0")),
            int(request.query.get("limit", "0")) or len(matching),
        )
        rest = str(at + limit) if at + limit < len(matching) else ""
        meta = {"resourceVersion": str(self.version), "continue": rest}
        items = matching[at:][:limit]
        if "as=Table" in request.headers["Accept"]:
            return web.json_response(_table(items, meta, described=True))
        return web.json_response({"kind": "NotificationRequestList", "metadata": meta, "items": items})

    async def _namespaces(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request, _Watcher(selector="", namespace=""))
        items = [{"metadata": {"name": name, "uid": uid}} for name, uid in self.namespaces.items()]
        meta = {"resourceVersion": str(self.version)}
        return web.json_response({"kind": "NamespaceList", "metadata": meta, "items": items})

    async def _watch(self, request: web.Request, watcher: _Watcher) -> web.StreamResponse:
        response = web.StreamResponse()
        as_table, described = "as=Table" in request.headers["Accept"], True
        self._watchers.append(watcher)
        try:
            await response.prepare(request)
            while (event := await watcher.queue.get()) is not None:
                if as_table and event["type"] != "ERROR":
                    obj = event["object"]
                    # As an API server: only the first event of a watch describes the columns.
                    event, described = (
                        {**event, "object": _table([obj], obj["metadata"], described=described)},
                        False,
                    )
                await response.write(json.dumps(event).encode() + b"\n")
        except ConnectionResetError:
            pass
        finally:
            self._watchers.remove(watcher)
        return response

    @property
    def watches(self) -> int:
        """The number of open watches."""
        return len(self._watchers)

    async def _delete(self, request: web.Request, namespace: str, name: str) -> web.Response:
        preconditions = (await request.json())["preconditions"]
        stored = self.objects.get((namespace, name))
        if request.method != "DELETE" or stored is None:
            return refusal(404, "not found")
        if any(stored["metadata"][key] != value for key, value in preconditions.items()):
            return refusal(409, "Precondition failed")
        if preconditions.keys() != {"uid", "resourceVersion"}:
            return refusal(400, "preconditions must name uid and resourceVersion")
        del self.objects[namespace, name]
        self.deleted.append((name, asyncio.get_running_loop().time()))
        return web.json_response({"kind": "Status", "status": "Success"})

    def end(self) -> None:
        """End every watch."""
        for watcher in self._watchers:
            watcher.queue.put_nowait(None)


@dataclass(eq=False, slots=True, kw_only=True)
class _Watcher:
    selector: str
    namespace: str | None
    """None for all namespaces; empty for a watch of namespaces."""
    queue: asyncio.Queue[dict[str, Any] | None] = field(default_factory=asyncio.Queue)


def _metadata_only(obj: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _table(items: list[dict[str, Any]], meta: dict[str, Any], *, described: bool) -> dict[str, Any]:
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": [{"name": "Name"}, {"name": "Incident"}] if described else None,
        "rows": [
            {
                "cells": [obj["metadata"]["name"], obj["spec"].get("dedupKey")],
                "object": _metadata_only(obj),
            }
            for obj in items
        ],
    }


def _discovery(path: str, *, served: bool) -> web.Response:
    """Return a discovery document for kopf."""
    groups = [_group("apiextensions.k8s.io", "v1"), *([_group(GROUP, VERSION)] if served else [])]
    documents: dict[str, dict[str, Any]] = {
        "api": {"versions": ["v1"]},
        "api/v1": _resources("namespaces", "Namespace", namespaced=False),
        "apis": {"groups": groups},
        "apis/apiextensions.k8s.io/v1": _resources(
            "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
        ),
        f"apis/{GROUP}/{VERSION}": _resources(PLURAL, "NotificationRequest", namespaced=True),
    }
    if path not in documents:
        return refusal(404, "the server could not find the requested resource")
    return web.json_response(documents[path])


def _matches(obj: dict[str, Any], selector: str) -> bool:
    """Apply a field selector as an API server does."""
    fields = {
        "status.phase": obj["status"].get("phase", ""),
        "spec.dedupKey": obj["spec"].get("dedupKey", ""),
    }
    parts = [re.split("(!?=)", part) for part in selector.split(",") if part]
    return all((fields[name] == value) is (sign == "=") for name, sign, value in parts)


def _group(name: str, version: str) -> dict[str, Any]:
    entry = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _resources(plural: str, kind: str, *, namespaced: bool) -> dict[str, Any]:
    entry = {
        "name": plural,
        "singularName": kind.lower(),
        "kind": kind,
        "namespaced": namespaced,
        "verbs": VERBS,
    }
    return {"kind": "APIResourceList", "resources": [entry]}


@contextlib.asynccontextmanager
async def running(api: NotificationsApi) -> AsyncIterator[NotificationsApi]:
    """Run a server."""
    async with listening(api.handle) as api.url:
        try:
            yield api
        finally:
            api.end()
