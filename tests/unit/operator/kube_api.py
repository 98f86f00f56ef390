"""A small API server on 127.0.0.1: ConfigMaps to list and watch, Events to create, and injected failures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from tests.unit.loopback import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class KubeApi:
    """Holds ConfigMaps and Events, and records every request."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and query."""
        self.times: list[float] = []
        """The arrival of each request, on the loop's clock."""
        self.version = 1
        self.config_maps: dict[tuple[str, str], dict[str, Any]] = {}
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.refusals: list[web.Response] = []
        """Responses to the next requests, in place of the real ones; the last one repeats."""
        self.open = asyncio.Event()
        """While cleared, requests wait."""
        self.open.set()
        self.forgotten = 0
        """Watches from an older version than this are refused as expired."""
        self.handle_event: Callable[..., Awaitable[web.StreamResponse]] | None = None
        """Handles requests for Events in place of this server."""
        self._history: list[tuple[int, dict[str, Any]]] = []
        """The events that a watch from an older version receives first."""
        self._watchers: list[asyncio.Queue[dict[str, Any] | None]] = []

    @property
    def lists(self) -> int:
        return sum(path.endswith("/configmaps") and "watch" not in query for _, path, query in self.requests)

    @property
    def watches(self) -> int:
        """The number of open watches."""
        return len(self._watchers)

    def put(self, data: dict[str, str], *, name: str = "rules", namespace: str = "own") -> None:
        """Write a ConfigMap."""
        key = (namespace, name)
        stored = self.config_maps.get(key)
        self.version += 1
        uid = stored["metadata"]["uid"] if stored else f"uid-{self.version}"
        meta = {
            "namespace": namespace,
            "name": name,
            "uid": uid,
            "resourceVersion": str(self.version),
        }
        self.config_maps[key] = {"metadata": meta, "data": data}
        self._notify("MODIFIED" if stored else "ADDED", self.config_maps[key])

    def remove(self, *, name: str = "rules", namespace: str = "own") -> None:
        """Delete a ConfigMap."""
        self.version += 1
        self._notify("DELETED", self.config_maps.pop((namespace, name)))

    def expire_watches(self) -> None:
        """Send every watch an ERROR event: its version is too old."""
        self.forgotten = self.version
        status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
        for queue in self._watchers:
            queue.put_nowait({"type": "ERROR", "object": status})

    def cut(self) -> None:
        """End every watch."""
        for queue in self._watchers:
            queue.put_nowait(None)

    def _notify(self, kind: str, obj: dict[str, Any]) -> None:
        event = {"type": kind, "object": obj}
        self._history.append((self.version, event))
        for queue in self._watchers:
            queue.put_nowait(event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        self.times.append(asyncio.get_running_loop().time())
        await request.read()
        await self.open.wait()
        if self.refusals:
            response = self.refusals.pop(0) if len(self.refusals) > 1 else self.refusals[0]
            return web.Response(status=response.status, body=response.body)
        match request.path.strip("/").split("/"):
            case ["version"]:
                return web.json_response({"gitVersion": "v1.31.0", "major": "1", "minor": "31"})
            case ["apis"]:
                return web.json_response({"kind": "APIGroupList", "groups": []})
            case ["api", "v1", "namespaces", namespace, "configmaps"]:
                return await self._config_maps(request, namespace)
            case ["apis", "events.k8s.io", "v1", "namespaces", namespace, "events", *name]:
                return await (self.handle_event or self.create_event)(request, namespace, *name)
            case _:
                return refusal(404, "the server could not find the requested resource")

    async def _config_maps(self, request: web.Request, namespace: str) -> web.StreamResponse:
        selector = request.query.get("fieldSelector", "")
        if not selector.startswith("metadata.name="):
            return refusal(403, 'User "operator" cannot list resource "configmaps"')
        name = selector.removeprefix("metadata.name=")
        if "watch" in request.query:
            return await self._watch(request, name)
        config_map = self.config_maps.get((namespace, name))
        items = [config_map] if config_map else []
        meta = {"resourceVersion": str(self.version)}
        return web.json_response({"kind": "ConfigMapList", "metadata": meta, "items": items})

    async def _watch(self, request: web.Request, name: str) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        if since < self.forgotten:
            return refusal(410, "too old resource version")
        response = web.StreamResponse()
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        for version, event in self._history:
            if version > since:
                queue.put_nowait(event)
        self._watchers.append(queue)
        try:
            await response.prepare(request)
            while (sent := await queue.get()) is not None:
                if sent["object"].get("metadata", {}).get("name", name) == name:
                    await response.write(json.dumps(sent).encode() + b"\n")
        except ConnectionResetError:
            pass  # the client closed the connection
        finally:
            self._watchers.remove(queue)
        return response

    async def create_event(self, request: web.Request, namespace: str, *name: str) -> web.Response:
        if request.method != "POST" or name:
            return refusal(403, 'User "operator" cannot patch resource "events"')
        return self._create(namespace, await request.json())

    def _create(self, namespace: str, body: dict[str, Any]) -> web.Response:
        """Create an Event by the rules of the real API server."""
        name, regarding = body["metadata"]["name"], body["regarding"]
        series = body.get("series", {"count": 2, "lastObservedTime": body["eventTime"]})
        valid = (
            regarding["namespace"] == namespace == body["metadata"]["namespace"]
            and len(name) <= 253
            and NAME.fullmatch(name)
            and MICRO_TIME.fullmatch(body["eventTime"])
            and series["count"] > 1
            and MICRO_TIME.fullmatch(series["lastObservedTime"])
            and len(body["note"].encode()) <= 1024
            and all(0 < len(body[key]) <= 128 for key in ("reason", "action", "reportingInstance"))
            and body["type"] in {"Normal", "Warning"}
            and re.fullmatch(r"[a-z0-9.-]+/[\w.-]+", body["reportingController"])
        )
        if not valid:
            return refusal(422, "Event is invalid")
        if (namespace, name) in self.events:
            return refusal(409, "already exists")
        self.events[namespace, name] = body
        return web.json_response(body, status=201)


def refusal(code: int, message: str) -> web.Response:
    """Return the response with which an API server refuses a request."""
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


def expired(token: str) -> web.Response:
    """Return the response to a token whose listing has expired; the new one lists later versions from the same place."""
    status = {"kind": "Status", "code": 410, "reason": "Expired"}
    message = "The provided continue parameter is too old to display a consistent list result."
    return web.json_response(
        {**status, "message": message, "metadata": {"continue": f"0{token}"}}, status=410
    )


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[KubeApi]:
    """Run a server."""
    api = KubeApi()
    async with listening(api.handle) as api.url:
        try:
            yield api
        finally:
            api.open.set()
            api.cut()


@contextlib.asynccontextmanager
async def client_of(api: KubeApi) -> AsyncIterator[ApiClient]:
    """Return a client of the server."""
    configuration = Configuration(host=api.url)
    async with ApiClient(configuration) as client:
        yield client


async def until(holds: Callable[[], object], what: str = "") -> None:
    """Wait until a condition holds; polls every two milliseconds."""
    end = asyncio.get_running_loop().time() + 5
    while not holds():
        assert asyncio.get_running_loop().time() < end, f"timed out waiting for {what or holds}"
        await asyncio.sleep(0.002)
