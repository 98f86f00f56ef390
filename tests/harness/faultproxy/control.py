"""The control API of the proxy, over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from tests.harness.faultproxy.creations import Manner
from tests.harness.faultproxy.rules import Match, Rule

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from tests.harness.faultproxy.creations import Creations
    from tests.harness.faultproxy.requests import Records
    from tests.harness.faultproxy.rules import Rules
    from tests.harness.faultproxy.watches import Watches


class Control:
    """`/rules`, `/requests`, `/creations`, `/watches/cut`, `/watches/expire` and `/healthz`."""

    def __init__(self, *, rules: Rules, records: Records, watches: Watches, creations: Creations) -> None:
        self._rules = rules
        self._records = records
        self._watches = watches
        self._creations = creations

    def application(self) -> web.Application:
        application = web.Application(middlewares=[explain])
        application.add_routes(
            [
                web.post("/rules", self._add),
                web.get("/rules", self._list),
                web.delete("/rules", self._remove),
                web.delete(r"/rules/{number:\d+}", self._remove),
                web.get("/requests", self._requests),
                web.delete("/requests", self._forget),
                web.get("/creations", self._existing),
                web.post("/creations", self._set_manner),
                web.post("/watches/cut", self._cut),
                web.post("/watches/expire", self._expire),
                web.get("/healthz", healthy),
            ]
        )
        return application

    async def _add(self, request: web.Request) -> web.Response:
        return web.json_response({"id": self._rules.add(Rule.model_validate(await request.json()))})

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"id": one.id, "seen": one.seen, "used": one.used, **one.rule.model_dump()}
                for one in self._rules
            ]
        )

    async def _remove(self, request: web.Request) -> web.Response:
        number = request.match_info.get("number")
        self._rules.remove(None if number is None else int(number))
        return web.json_response({})

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response(self._records.of(Match.model_validate(dict(request.query))))

    async def _forget(self, _request: web.Request) -> web.Response:
        self._records.clear()
        return web.json_response({})

    async def _existing(self, _request: web.Request) -> web.Response:
        return web.json_response(self._creations.existing)

    async def _set_manner(self, request: web.Request) -> web.Response:
        self._creations.manner = Manner((await request.json())["manner"])
        return web.json_response({})

    async def _cut(self, request: web.Request) -> web.Response:
        result = self._watches.fitting(Match.model_validate(await request.json()))
        for watch in result:
            watch.cut()
        return web.json_response({"count": len(result)})

    async def _expire(self, request: web.Request) -> web.Response:
        result = self._watches.fitting(Match.model_validate(await request.json()))
        for watch in result:
            watch.expire()
        return web.json_response({"count": len(result)})


async def healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Respond to an invalid request with 400 and the reason."""
    try:
        return await handler(request)
    except (ValidationError, ValueError) as error:
        raise web.HTTPBadRequest(text=str(error)) from error
