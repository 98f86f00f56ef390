"""The API server as the gateway's replicas see it: it stores each name once, and everything on the way to it can be lost."""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from notification_contract import names
from tests.simulation.network import LostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from tests.simulation.choices import Choices
    from tests.simulation.network import Network

HOME: Final = "notification-system"
START: Final = datetime(2026, 11, 29, 8, 0, 17, tzinfo=UTC)
KEY: Final = re.compile(r"key=([\w.-]+);")
"""In the body of each message and so of its notification: what tells it from every other one."""
REFUSALS: Final = (
    *[None] * 28,
    (HTTPStatus.INTERNAL_SERVER_ERROR, "etcdserver: request timed out"),
    (HTTPStatus.TOO_MANY_REQUESTS, "too many requests"),
    (HTTPStatus.CONFLICT, "Operation cannot be fulfilled on resourcequotas"),
    (HTTPStatus.FORBIDDEN, "exceeded quota: notifications"),
)
RECEIVED: ContextVar[float] = ContextVar("RECEIVED", default=0.0)
"""When the replica has received the post that it works on."""
Answer = tuple[HTTPStatus, dict[str, Any]]


def now() -> datetime:
    """Return the time of the wall clock of this schedule."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A notification that was created: when, and by a post that its replica had received when."""

    name: str
    key: str
    at: float
    received: float
    resolves: bool
    """Whether it is the Resolve of an incident."""


class ApiServer:
    """What is stored. `sources` and `secrets` are there from the beginning."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self.sources: list[dict[str, Any]] = []
        self.secrets: dict[str, dict[str, Any]] = {}
        self.created: list[Created] = []
        self._objects: dict[str, dict[str, Any]] = {}

    def keys(self, since: int = 0) -> set[str]:
        """Return the messages that are stored, without the first ones."""
        return {each.key for each in self.created[since:]}

    def until(self, key: str) -> int:
        """Return how many notifications were created until that of a message, with it; 0 if it is not stored."""
        return next((place for place, each in enumerate(self.created, 1) if each.key == key), 0)

    def is_open(self, source: str, before: float) -> bool:
        """Return whether the last Trigger of a source that was created before has no Resolve: of two in a second, the Resolve is later."""
        events = [each for each in self.created if each.key.startswith(f"{source}.")]
        triggers = [int(each.at) for each in events if not each.resolves and each.at < before]
        resolves = [int(each.at) for each in events if each.resolves]
        return max(triggers, default=-1) > max(resolves, default=-1)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], body: dict[str, Any], *, received: float
    ) -> Answer:
        """Do what a request asks for."""
        name = path.rsplit("/", 1)[-1]
        match method, path.split("/"):
            case "GET", [*_, "secrets", _] if name in self.secrets:
                return HTTPStatus.OK, self.secrets[name]
            case "GET", [*_, names.SOURCE_PLURAL]:
                return HTTPStatus.OK, {"items": self.sources, "metadata": {"resourceVersion": "1"}}
            case "GET", [*_, names.PLURAL]:
                return HTTPStatus.OK, self._rows(query["fieldSelector"])
            case "GET", [*_, names.PLURAL, _] if name in self._objects:
                return HTTPStatus.OK, self._objects[name]
            case "POST", [*_, names.PLURAL]:
                return self._create(body, dry="dryRun" in query, received=received)
        return HTTPStatus.NOT_FOUND, {"code": 404, "message": "not found"}

    def _rows(self, selector: str) -> dict[str, Any]:
        """Return a table of the notifications whose spec has the selected values."""
        wanted = dict(each.removeprefix("spec.").split("=") for each in selector.split(","))
        found = (each for each in self._objects.values() if wanted.items() <= each["spec"].items())
        return {"metadata": {}, "rows": [{"object": {"metadata": each["metadata"]}} for each in found]}

    def _create(self, body: dict[str, Any], *, dry: bool, received: float) -> Answer:
        metadata = body["metadata"]
        name = metadata["name"]
        if name in self._objects:
            return HTTPStatus.CONFLICT, {"code": 409, "message": f'"{name}" already exists'}
        at = f"{now():%Y-%m-%dT%H:%M:%SZ}"
        stored = {**body, "metadata": {**metadata, "uid": f"uid-{name}", "creationTimestamp": at}}
        if not dry:
            self._objects[name] = stored
            found = KEY.search(body["spec"]["body"])
            key = found[1] if found else ""
            time = asyncio.get_running_loop().time()
            resolves = body["spec"].get("event") == "Resolve"
            self.created.append(Created(name=name, key=key, at=time, received=received, resolves=resolves))
            self._log(f"API server: stores {key} as {name}")
        return HTTPStatus.CREATED, stored


class Connection:
    """The client of the API server in one replica: what `notification_runtime.kube.requests` uses of the real one."""

    def __init__(self, api: ApiServer, network: Network, choices: Choices) -> None:
        self._api = api
        self._network = network
        self._choices = choices

    async def param_serialize(self, method: str, path: str, **parts: Any) -> tuple[Any, ...]:
        return method, path, dict(parts["query_params"]), parts["body"] or {}

    async def call_api(
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any], **_: Any
    ) -> SimpleNamespace:
        """Send a request.

        Raises:
            TimeoutError: there is no answer; the request may have arrived, or arrive later.
        """
        if "watch" in query:
            return SimpleNamespace(response=Silence())
        received = RECEIVED.get()

        def arrive() -> Answer:
            return self._api.answer(method, path, query, body, received=received)

        what = f"{method} {path.rsplit('/', 1)[-1]}{' (dry run)' if 'dryRun' in query else ''}"
        try:
            await self._network.transfer(what, late=lambda: void(arrive()))
            refusal = self._choices.pick(REFUSALS) if self._network.rough else None
            if refusal is None:
                status, document = arrive()
            else:
                status, message = refusal
                document = {"code": status.value, "message": message}
            await self._network.transfer(f"the answer to {what}")
        except LostError:
            raise TimeoutError from None
        return SimpleNamespace(response=Reply(status, orjson.dumps(document)))


def void(_: object) -> None:
    """Nobody waits for this answer."""


class Reply:
    """A response, as the client library gives it."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = int(status)
        self.reason = ""
        self._body = body
        self.content = self

    async def read(self) -> bytes:
        return self._body

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        yield self._body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""


class Silence(Reply):
    """A watch in which nothing happens."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.OK, b"")

    async def readline(self, **_: Any) -> bytes:
        await asyncio.Event().wait()
        return b""
