"""A small API server on 127.0.0.1 that lists notifications in pages, selects them by phase, and watches and deletes them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.unit.loopback import listening
from tests.unit.operator.kube_api import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GROUP, VERSION, PLURAL = "kubernaut.ai", "v1alpha1", "notificationrequests"
PAST = "2026-11-01T10:00:00.000000Z"
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]


class NotificationsApi:
    """Stores notifications by namespace and name, and records every request."""

    def __init__(self, *, selectable: bool = True) -> None:
        self.url = ""
        self.selectable = selectable
        """Whether the CRD declares the phase as a selectable field."""
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and query."""
        self.deleted: list[tuple[str, float]] = []
        """The name and the time of each deletion, on the loop's clock."""
        self.refuse: dict[str, web.Response] = {}
        """Answers by method, in place of the regular ones."""
        self.version = 100
        self._watchers: list[tuple[str, asyncio.Queue[dict[str, Any] | None]]] = []

    def put(self, name: str, phase: str = "Sent", *, namespace: str = "shop", **more: Any) -> None:
        """Store a notification with optional `completed`, `days` and metadata."""
        self.version += 1
        status: dict[str, Any] = {"phase": phase}
        if phase in {"Sent", "PartiallySent", "Failed"}:
            status["completionTime"] = more.pop("completed", PAST)
        days = more.pop("days", 7)
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
            "spec": {"retentionDays": days},
            "status": status,
        }
        for selector, queue in self._watchers:
            was, is_ = before is not None and _chosen(before, selector), _chosen(obj, selector)
            if was or is_:
                kind = ("MODIFIED" if was else "ADDED") if is_ else "DELETED"
                queue.put_nowait({"type": kind, "object": obj if is_ else {**obj, **(before or {})}})

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
        if request.method in self.refuse:
            answer = self.refuse[request.method]
            return web.Response(status=answer.status, body=answer.body)
        match request.path.strip("/").split("/"):
            case ["apis", _, _, "notificationrequests"]:
                return await self._collection(request, None)
            case ["apis", _, _, "namespaces", namespace, "notificationrequests"]:
                return await self._collection(request, namespace)
            case ["apis", _, _, "namespaces", namespace, "notificationrequests", name]:
                return await self._delete(request, namespace, name)
            case parts:
                return _discovery("/".join(parts))

    async def _collection(self, request: web.Request, namespace: str | None) -> web.StreamResponse:
        selector = request.query.get("fieldSelector", "")
        if selector and not self.selectable:
            return refusal(400, 'field label not supported: "status.phase"')
        if "watch" in request.query:
            return await self._watch(request, selector)
        found = [
            obj
            for (where, _), obj in sorted(self.objects.items())
            if namespace in {None, where} and _chosen(obj, selector)
        ]
        at, limit = (
            int(request.query.get("continue", "0")),
            int(request.query.get("limit", "0")) or len(found),
        )
        rest = str(at + limit) if at + limit < len(found) else ""
        meta = {"resourceVersion": str(self.version), "continue": rest}
        return web.json_response(
            {"kind": "NotificationRequestList", "metadata": meta, "items": found[at:][:limit]}
        )

    async def _watch(self, request: web.Request, selector: str) -> web.StreamResponse:
        answer = web.StreamResponse()
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._watchers.append((selector, queue))
        with contextlib.suppress(ConnectionResetError):
            await answer.prepare(request)
            while (event := await queue.get()) is not None:
                await answer.write(json.dumps(event).encode() + b"\n")
        return answer

    async def _delete(self, request: web.Request, namespace: str, name: str) -> web.Response:
        wanted = (await request.json())["preconditions"]
        stored = self.objects.get((namespace, name))
        if request.method != "DELETE" or stored is None:
            return refusal(404, "not found")
        if any(stored["metadata"][key] != value for key, value in wanted.items()):
            return refusal(409, "Precondition failed")
        if wanted.keys() != {"uid", "resourceVersion"}:
            return refusal(400, "a deletion that names too little")
        del self.objects[namespace, name]
        self.deleted.append((name, asyncio.get_running_loop().time()))
        return web.json_response({"kind": "Status", "status": "Success"})

    def end(self) -> None:
        """End every watch."""
        for _, queue in self._watchers:
            queue.put_nowait(None)


def _discovery(path: str) -> web.Response:
    """Answer kopf's discovery of the kinds."""
    answers: dict[str, dict[str, Any]] = {
        "api": {"versions": ["v1"]},
        "api/v1": _resources("namespaces", "Namespace", namespaced=False),
        "apis": {"groups": [_group("apiextensions.k8s.io", "v1"), _group(GROUP, VERSION)]},
        "apis/apiextensions.k8s.io/v1": _resources(
            "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
        ),
        f"apis/{GROUP}/{VERSION}": _resources(PLURAL, "NotificationRequest", namespaced=True),
    }
    if path not in answers:
        return refusal(404, "the server could not find the requested resource")
    return web.json_response(answers[path])


def _chosen(obj: dict[str, Any], selector: str) -> bool:
    """Apply a field selector as an API server does: each part is a `status.phase!=…`."""
    parts = [part.split("!=") for part in selector.split(",") if part]
    assert all(field == "status.phase" for field, _ in parts), selector
    return all(obj["status"].get("phase", "") != value for _, value in parts)


def _group(name: str, version: str) -> dict[str, Any]:
    one = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [one], "preferredVersion": one}


def _resources(plural: str, kind: str, *, namespaced: bool) -> dict[str, Any]:
    one = {
        "name": plural,
        "singularName": kind.lower(),
        "kind": kind,
        "namespaced": namespaced,
        "verbs": VERBS,
    }
    return {"kind": "APIResourceList", "resources": [one]}


@contextlib.asynccontextmanager
async def running(api: NotificationsApi) -> AsyncIterator[NotificationsApi]:
    """Run a server."""
    async with listening(api.handle) as api.url:
        try:
            yield api
        finally:
            api.end()
