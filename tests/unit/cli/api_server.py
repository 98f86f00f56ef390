"""A small API server on the loopback address, with objects in memory, and the command line with a kubeconfig of it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web
from typer.testing import CliRunner

from notification_cli.app import app
from tests.unit.loopback import listening
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

NAMESPACE = "shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    accept: str = ""


@dataclass(slots=True)
class ApiServer:
    """Objects by their path, such as `/apis/kubernaut.ai/v1alpha1/namespaces/shop/notificationrequests/a`."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    """Parts of paths that are forbidden."""
    answer: bytes = b""
    """What a port of a pod answers."""
    forwarded: list[str] = field(default_factory=list)
    """The first lines of the requests to it."""
    requests: list[Request] = field(default_factory=list)
    events: dict[tuple[str, str], Callable[[], web.Response | None]] = field(default_factory=dict)
    """What happens before a request of a method whose path ends so; a response of it answers the request."""

    def add(self, plural: str, obj: dict[str, Any], *, api: str = "kubernaut.ai/v1alpha1") -> None:
        meta = obj["metadata"]
        place = f"/namespaces/{meta['namespace']}" if meta.get("namespace") else ""
        root = "/api/v1" if api == "v1" else f"/apis/{api}"
        self.objects[f"{root}{place}/{plural}/{meta['name']}"] = obj

    @property
    def changes(self) -> list[Request]:
        """What was asked for apart from reading."""
        return [each for each in self.requests if each.method != "GET"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        body: Any = json.loads(content) if content else None
        query = dict(request.query)
        asked = Request(
            method=request.method,
            path=request.path,
            query=query,
            body=body,
            accept=request.headers["Accept"],
        )
        self.requests.append(asked)
        if (response := self._prepared(request)) is not None:
            return response
        if request.path.endswith("/portforward"):
            return await self._forward(request)
        match request.method:
            case "GET":
                return self._read(request.path, query)
            case "POST":
                return self._create(request.path, body, dry_run="dryRun" in query)
            case "DELETE":
                found = self.objects.pop(request.path, None)
                return web.json_response(found) if found else _absent(request.path)
            case _:
                return self._merge(request.path, body)

    def _prepared(self, request: web.Request) -> web.Response | None:
        if any(part in request.path for part in self.denied):
            return web.json_response({"message": "by policy"}, status=403)
        for (method, end), event in self.events.items():
            if request.method == method and request.path.endswith(end) and (response := event()) is not None:
                return response
        return None

    async def _forward(self, request: web.Request) -> web.WebSocketResponse:
        """Answer as a port of a pod, by the protocol of the kubelet."""
        channels = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await channels.prepare(request)
        for channel in (0, 1):
            await channels.send_bytes(bytes([channel, 0, 0]))
        message = await channels.receive()
        self.forwarded.append(message.data[1:].partition(b"\r\n")[0].decode())
        await channels.send_bytes(b"\x00" + self.answer)
        await channels.close()
        return channels

    def _read(self, path: str, query: Mapping[str, str]) -> web.Response:
        if path in self.objects:
            return web.json_response(self.objects[path])
        plural = path.rpartition("/")[2]
        if path.rpartition("/")[0].rpartition("/")[2] in _PLURALS:
            return _absent(path)
        found = [
            obj
            for each, obj in sorted(self.objects.items())
            if each.rpartition("/")[0].rpartition("/")[2] == plural
            and ("/namespaces/" not in path or each.startswith(path.rpartition("/")[0] + "/"))
            and _selected(obj, query.get("labelSelector", ""))
        ]
        return web.json_response({"metadata": {"resourceVersion": "7"}, "items": found})

    def _create(self, path: str, body: dict[str, Any], *, dry_run: bool) -> web.Response:
        namespace = path.split("/namespaces/")[1].partition("/")[0]
        obj = {**body, "metadata": {**body["metadata"], "namespace": namespace, "uid": "u"}}
        if not dry_run:
            self.objects[f"{path}/{obj['metadata']['name']}"] = obj
        return web.json_response(obj, status=201)

    def _merge(self, path: str, change: Mapping[str, Any]) -> web.Response:
        if path not in self.objects:
            return _absent(path)
        obj = self.objects[path]
        self.objects[path] = {**obj, "spec": {**obj["spec"], **change.get("spec", {})}}
        return web.json_response(self.objects[path])


_PLURALS = frozenset(
    {
        *("notificationrequests", "notificationreceivers", "notificationsources", "deployments"),
        *("configmaps", "customresourcedefinitions", "leases", "services"),
    }
)


def _absent(path: str) -> web.Response:
    return web.json_response(
        {"message": "not found", "details": {"name": path.rpartition("/")[2]}}, status=404
    )


def _selected(obj: Mapping[str, Any], selector: str) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(
        labels.get(key) == value if equals else key in labels
        for key, equals, value in (each.partition("=") for each in selector.split(",") if each)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """`notif` with the kubeconfig of an API server."""

    kubeconfig: str

    async def __call__(self, *arguments: str, text: str = "", **environment: str) -> tuple[int, str, str]:
        variables = {"KUBECONFIG": self.kubeconfig, **environment}
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, input=text, env=variables)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    async def answered(self, answer: str, *arguments: str) -> tuple[int, str, str]:
        """Run a command on a terminal, where the user answers its question."""
        parent, child = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "notification_cli", *arguments),
            env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), "KUBECONFIG": self.kubeconfig},
            stdin=child,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        os.write(parent, f"{answer}\n".encode())
        out, err = await process.communicate()
        for each in (parent, child):
            os.close(each)
        return process.returncode or 0, out.decode(), err.decode()

    async def complete(self, line: str) -> list[str]:
        """Return what the shell would offer for the last word of a line."""
        words = line.split(" ")
        number = str(len(words) - 1)
        variables = {"_NOTIF_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": number}
        code, out, err = await self(**variables)
        assert (code, err) == (0, ""), err
        return out.split()


@asynccontextmanager
async def serving(server: ApiServer, folder: Path) -> AsyncIterator[CommandLine]:
    async with listening(server.handle) as url:
        context = {"cluster": "dev", "namespace": NAMESPACE}
        config = {
            "current-context": "dev",
            "contexts": [{"name": "dev", "context": context}],
            "clusters": [{"name": "dev", "cluster": {"server": url}}],
            "users": [],
        }
        file = folder / "kubeconfig"
        file.write_text(yaml.safe_dump(config), "utf-8")
        yield CommandLine(kubeconfig=str(file))
