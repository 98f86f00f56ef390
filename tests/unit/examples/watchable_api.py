"""The small API server of the kit's tests, grown by what kopf asks for: discovery, a listing and a watch."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import yaml
from aiohttp import web

from examples.second_controller.controller import CERTIFICATES
from tests.unit.operator.atomic_status.object_api import ObjectApi

if TYPE_CHECKING:
    from pathlib import Path

    from atomic_status import JsonObject, ObjectRef

GROUP, VERSION, PLURAL = CERTIFICATES.group, CERTIFICATES.version, CERTIFICATES.plural
VERBS = ["get", "list", "watch"]
FOUND = {
    "name": PLURAL,
    "kind": "Certificate",
    "singularName": "certificate",
    "namespaced": True,
    "verbs": VERBS,
}
NAMESPACES = {
    "name": "namespaces",
    "kind": "Namespace",
    "singularName": "namespace",
    "namespaced": False,
    "verbs": VERBS,
}
"""What kopf waits to find before it watches anything."""


class WatchableApi(ObjectApi):
    """Sends every change to all watchers, whoever wrote it."""

    def __init__(self) -> None:
        super().__init__(CERTIFICATES)
        self.methods: set[str] = set()
        """Of all requests, those for listings and watches included."""
        self.watched = asyncio.Event()
        """Set once somebody watches."""
        self._history: list[JsonObject] = []
        """All events; the version of a listing says how many of them it holds."""
        self._watchers: list[asyncio.Queue[JsonObject]] = []
        self._sent: dict[str, JsonObject] = {}

    @property
    def calls(self) -> list[str]:
        """The calls about objects, oldest first, without listings and watches."""
        return [method for method, path in self.requests if PLURAL + "/" in path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.methods.add(request.method)
        match request.path.strip("/").split("/"):
            case ["api"]:
                return web.json_response({"versions": ["v1"]})
            case ["api", "v1"]:
                return web.json_response({"resources": [NAMESPACES]})
            case ["apis"]:
                versions = [{"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}]
                group = {"name": GROUP, "versions": versions, "preferredVersion": versions[0]}
                return web.json_response({"groups": [group]})
            case ["apis", group, version] if (group, version) == (GROUP, VERSION):
                return web.json_response({"resources": [FOUND]})
            case ["apis", _, _, plural] if plural == PLURAL:
                return await (self._watch if "watch" in request.query else self._list)(request)
            case _:
                answer = await super().handle(request)
                self.tell()
                return answer

    def tell(self) -> None:
        """Tell of what has changed since the last time."""
        now = {key: json.loads(json.dumps(obj)) for key, obj in self.memory.objects.items()}
        for key in [key for key in self._sent if key not in now or _uid(self._sent[key]) != _uid(now[key])]:
            self._send("DELETED", self._sent.pop(key))
        for key, obj in now.items():
            if obj != self._sent.get(key):
                self._send("MODIFIED" if key in self._sent else "ADDED", obj)
                self._sent[key] = obj

    def _send(self, kind: str, obj: JsonObject) -> None:
        self._history.append({"type": kind, "object": obj})
        for queue in self._watchers:
            queue.put_nowait(self._history[-1])

    async def _list(self, _request: web.Request) -> web.Response:
        self.tell()
        head = {"kind": "CertificateList", "metadata": {"resourceVersion": str(len(self._history))}}
        return web.json_response({**head, "items": list(self._sent.values())})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        queue: asyncio.Queue[JsonObject] = asyncio.Queue()
        for missed in self._history[int(request.query["resourceVersion"]) :]:
            queue.put_nowait(missed)
        self._watchers.append(queue)
        self.watched.set()
        with contextlib.suppress(ConnectionResetError):
            await answer.prepare(request)
            while True:
                await answer.write(json.dumps(await queue.get()).encode() + b"\n")
        return answer

    async def create(self, name: str, *, spec: JsonObject, status: JsonObject) -> ObjectRef:
        ref = await super().create(name, spec=spec, status=status)
        self.tell()
        return ref

    async def write_status(self, ref: ObjectRef, status: JsonObject) -> None:
        await super().write_status(ref, status)
        self.tell()

    async def write_spec(self, ref: ObjectRef, spec: JsonObject) -> None:
        await super().write_spec(ref, spec)
        self.tell()

    async def delete(self, ref: ObjectRef) -> None:
        await super().delete(ref)
        self.tell()


def kubeconfig(api: WatchableApi, folder: Path) -> Path:
    """Write a kubeconfig that leads to the server."""
    content = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": api.url}}],
        "users": [{"name": "me", "user": {"token": "made-up"}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return file


def _uid(obj: JsonObject) -> str:
    uid: str = obj["metadata"]["uid"]
    return uid
