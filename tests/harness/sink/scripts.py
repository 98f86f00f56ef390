"""The scripts of stub channels, one action per call, and their calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import TypeAdapter

from tests.harness.sink.sequences import Bounded, Series
from tests.harness.stub.actions import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

REMEMBERED = 50_000
REMEMBERED_BYTES = 64 * 1024 * 1024
SCRIPTS = 10_000
ACTIONS = TypeAdapter(list[Action])
SUCCEED: Mapping[str, Any] = {"do": "succeed"}


class StubScripts:
    """`PUT /scripts/<namespace>/<name>/<channel>`, `POST /calls/<channel>`, `GET /calls/<namespace>/<name>`."""

    def __init__(self) -> None:
        self._scripts: dict[tuple[str, str, str], Series[Mapping[str, Any]]] = {}
        self._calls: Bounded[dict[str, Any]] = Bounded(
            count=REMEMBERED, size=REMEMBERED_BYTES, weigh=lambda call: 500 + 4 * len(call.get("body", ""))
        )

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/scripts/{namespace}/{name}/{channel}", self._script),
            web.post("/calls/{channel}", self._call),
            web.get("/calls/{namespace}/{name}", self._history),
        ]

    async def _script(self, request: web.Request) -> web.Response:
        where = request.match_info
        actions = await request.json()
        ACTIONS.validate_python(actions)
        key = (where["namespace"], where["name"], where["channel"])
        self._scripts.pop(key, None)
        self._scripts[key] = Series(actions, otherwise=SUCCEED)
        while len(self._scripts) > SCRIPTS:
            del self._scripts[next(iter(self._scripts))]
        return web.json_response({})

    async def _call(self, request: web.Request) -> web.Response:
        call, channel = await request.json(), request.match_info["channel"]
        self._calls.add({**call, "channel": channel, "at": time.time()})
        series = self._scripts.get((call["namespace"], call["name"], channel))
        return web.json_response(SUCCEED if series is None else series.take())

    async def _history(self, request: web.Request) -> web.Response:
        where = request.match_info
        wanted = (where["namespace"], where["name"])
        return web.json_response(
            [call for call in self._calls if (call["namespace"], call["name"]) == wanted]
        )
