"""The other end of the stub channels: keeps the scripts, hands out actions, remembers every call.

PUT  /scripts/{namespace}/{name}/{channel}   a JSON list of actions; the last one repeats
POST /calls/{channel}                        a call of a channel; answers with the action
GET  /calls/{namespace}/{name}               the calls for one object, oldest first
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

SUCCEED: dict[str, Any] = {"do": "succeed"}

routes = web.RouteTableDef()
scripts: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
calls: list[dict[str, Any]] = []


@routes.put("/scripts/{namespace}/{name}/{channel}")
async def script(request: web.Request) -> web.Response:
    """Set what the channel does for this object, call by call."""
    where = request.match_info
    scripts[where["namespace"], where["name"], where["channel"]] = await request.json()
    return web.json_response({})


@routes.post("/calls/{channel}")
async def call(request: web.Request) -> web.Response:
    """Note a call and tell the channel what to do."""
    content, channel = await request.json(), request.match_info["channel"]
    calls.append({**content, "channel": channel, "at": time.time()})
    actions = scripts.get((content["namespace"], content["name"], channel), [])
    action = actions.pop(0) if len(actions) > 1 else next(iter(actions), SUCCEED)
    return web.json_response(action)


@routes.get("/calls/{namespace}/{name}")
async def history(request: web.Request) -> web.Response:
    """Return the calls for one object."""
    where = request.match_info
    found = [c for c in calls if (c["namespace"], c["name"]) == (where["namespace"], where["name"])]
    return web.json_response(found)


@routes.get("/healthz")
async def health(_request: web.Request) -> web.Response:
    """Answer."""
    return web.Response(text="ok")


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    web.run_app(app, port=8080)
