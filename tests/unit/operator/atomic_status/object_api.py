"""A small API server on 127.0.0.1 for one kind of object: what `MemoryStore` holds, as an API server tells it."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from atomic_status import Conflict, Gone, ObjectRef, Rejected, Resource, StatusError, Unavailable
from atomic_status.testing import MemoryBench, Verb
from tests.unit.loopback import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RESOURCE = Resource(group="example.org", version="v1", plural="examples")


class ObjectApi(MemoryBench):
    """Serves the objects of a `MemoryStore`; a store under test gets to them by HTTP alone."""

    def __init__(self, resource: Resource = RESOURCE) -> None:
        super().__init__()
        self._place = ["apis", resource.group, resource.version, "namespaces"], resource.plural
        self.url = ""
        self.requests: list[tuple[str, str]] = []
        self._troubles: dict[str, deque[tuple[StatusError, bool]]] = {"GET": deque(), "PUT": deque()}

    async def fail_next(self, verb: Verb, error: Rejected | Unavailable, *, applied: bool = False) -> None:
        self._troubles[verb].append((error, applied))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        head, plural = self._place
        match request.method, request.path.strip("/").split("/"):
            case "GET", [*start, namespace, kind, name] if (start, kind) == (head, plural):
                answer = self.memory.read(ObjectRef(namespace=namespace, name=name))
            case "PUT", [*start, _, kind, _, "status"] if (start, kind) == (head, plural):
                answer = self.memory.replace_status(await request.json())
            case _:
                return _status(404, "the server could not find the requested resource")
        troubles = self._troubles[request.method]
        trouble, applied = troubles.popleft() if troubles else (None, True)
        try:
            obj = await answer if applied else answer.close()
        except StatusError as error:
            return _answer(error)
        return web.json_response(obj) if trouble is None else _answer(trouble)


def _answer(error: StatusError) -> web.Response:
    match error:
        case Gone():
            return _status(404, "not found")
        case Conflict():
            return _status(409, "the object has been modified")
        case Rejected(code=code):
            return _status(code, "invalid")
        case Unavailable(retry_after=pause):
            return _status(
                503 if pause is None else 429, "later", {} if pause is None else {"Retry-After": f"{pause:g}"}
            )
        case _:
            raise AssertionError(error)


def _status(code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body: dict[str, Any] = {"kind": "Status", "code": code, "message": message}
    return web.json_response(body, status=code, headers=headers)


@contextlib.asynccontextmanager
async def serving(api: ObjectApi) -> AsyncIterator[None]:
    """Serve as long as the context lasts; `api.url` tells where."""
    async with listening(api.handle) as api.url:
        yield
