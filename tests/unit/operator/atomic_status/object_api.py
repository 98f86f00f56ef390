"""A small API server on 127.0.0.1 for one kind of object: serves the objects of a `MemoryStore`."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from atomic_status import Conflict, Gone, ObjectRef, Rejected, Resource, StatusError, Unavailable
from atomic_status.testing import MemoryHarness, Verb
from tests.unit.loopback import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RESOURCE = Resource(group="example.org", version="v1", plural="examples")


class ObjectApi(MemoryHarness):
    """Serves the objects of a `MemoryStore`; a store under test reaches them by HTTP alone."""

    def __init__(self, resource: Resource = RESOURCE) -> None:
        super().__init__()
        self._path_parts = ["apis", resource.group, resource.version, "namespaces"], resource.plural
        self.url = ""
        self.requests: list[tuple[str, str]] = []
        self._failures: dict[str, deque[tuple[StatusError, bool]]] = {"GET": deque(), "PUT": deque()}

    async def fail_next(self, verb: Verb, error: Rejected | Unavailable, *, applied: bool = False) -> None:
        self._failures[verb].append((error, applied))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        head, plural = self._path_parts
        match request.method, request.path.strip("/").split("/"):
            case "GET", [*start, namespace, kind, name] if (start, kind) == (head, plural):
                response = self.memory.read(ObjectRef(namespace=namespace, name=name))
            case "PUT", [*start, _, kind, _, "status"] if (start, kind) == (head, plural):
                response = self.memory.replace_status(await request.json())
            case _:
                return _status(404, "the server could not find the requested resource")
        failures = self._failures[request.method]
        failure, applied = failures.popleft() if failures else (None, True)
        try:
            obj = await response if applied else response.close()
        except StatusError as error:
            return _error_response(error)
        return web.json_response(obj) if failure is None else _error_response(failure)


def _error_response(error: StatusError) -> web.Response:
    match error:
        case Gone():
            return _status(404, "not found")
        case Conflict():
            return _status(409, "the object has been modified")
        case Rejected(code=code):
            return _status(code, "invalid")
        case Unavailable(retry_after=delay):
            return _status(
                503 if delay is None else 429, "later", {} if delay is None else {"Retry-After": f"{delay:g}"}
            )
        case _:
            raise AssertionError(error)


def _status(code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body: dict[str, Any] = {"kind": "Status", "code": code, "message": message}
    return web.json_response(body, status=code, headers=headers)


@contextlib.asynccontextmanager
async def serving(api: ObjectApi) -> AsyncIterator[None]:
    """Serve within the context, at `api.url`."""
    async with listening(api.handle) as api.url:
        yield
