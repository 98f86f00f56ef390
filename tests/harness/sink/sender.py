"""Sends requests from within the cluster, as the pods of senders do: to a Service by its name."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

ANSWER_WITHIN = aiohttp.ClientTimeout(total=20.0)


class Request(BaseModel):
    """One request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    method: str = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""


class Order(BaseModel):
    """What is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: Annotated[list[Request], Field(max_length=1000)]
    every: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Seconds between the beginnings of two requests; 0 for all of them concurrently. Those that are late begin together."""


class Sender:
    """`POST /send`: sends what an `Order` says, and answers `[{"status", "body"}, …]` in the same order.

    The status is 0, and the body the reason, where nothing was answered.
    """

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/send", self._send)]

    async def _send(self, request: web.Request) -> web.Response:
        order = Order.model_validate_json(await request.read())
        # A Service chooses a pod for each connection, so no request shares one.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=ANSWER_WITHIN) as session,
            asyncio.TaskGroup() as group,
        ):
            loop = asyncio.get_running_loop()
            begin, sending = loop.time(), []
            for number, each in enumerate(order.requests):
                # From the first request, not from the one before: on a busy machine, the delays would add up.
                ahead = begin + number * order.every - loop.time()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                sending.append(group.create_task(_answer(session, each)))
        return web.json_response([each.result() for each in sending])


async def _answer(session: aiohttp.ClientSession, each: Request) -> dict[str, Any]:
    try:
        async with session.request(
            each.method, each.url, headers=each.headers, data=each.body.encode()
        ) as answer:
            return {"status": answer.status, "body": await answer.text()}
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return {"status": 0, "body": f"{type(error).__name__}: {error}"}
