"""Webhook receivers that record every request and answer by script: one like Slack's, and a generic one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.harness.sink.answers import Answer, Answers, Script, give
from tests.harness.sink.hits import Hit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.sink.connections import Connections
    from tests.harness.sink.hits import Hits

INVALID = Answer(code=400, body="invalid_payload")


class Receiver:
    """One kind of webhook: `POST /<kind>/<operator>`, and `PUT /answers/<kind>` to script the answers.

    `key` returns the text of a body that script tokens are matched with; it raises ValueError for a body
    that the receiver rejects.
    """

    def __init__(
        self, kind: str, *, key: Callable[[bytes], str], hits: Hits, connections: Connections
    ) -> None:
        self._kind = kind
        self._key = key
        self._hits = hits
        self._connections = connections
        self._answers = Answers()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"/{self._kind}/{{operator}}", self._receive),
            web.put(f"/answers/{self._kind}", self._script),
        ]

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        operator = request.match_info["operator"]
        if request.content_length is None:
            raise web.HTTPLengthRequired
        hit = Hit(
            kind=self._kind,
            operator=operator,
            method=request.method,
            path=request.path,
            headers=dict(request.headers),
            connection=self._connections.carry(request.transport, request.path),
            size=request.content_length,
        )
        with self._hits.open(hit):
            hit.body = await request.read()
            answer = self._answer(hit)
            await answer.wait()
            return await give(request, hit, answer, web.Response(text="ok"))

    def _answer(self, hit: Hit) -> Answer:
        try:
            hit.key = self._key(hit.body)
        except ValueError:
            return INVALID
        return self._answers.take(hit.key)

    async def _script(self, request: web.Request) -> web.Response:
        self._answers.set(Script.model_validate(await request.json()))
        return web.json_response({})


def header_text(body: bytes) -> str:
    """Return the text of a Slack message's header blocks, otherwise that of its first block.

    Raises:
        ValueError: the body is no JSON object, or not UTF-8.
    """
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a Slack message is a JSON object")  # noqa: TRY004 - same error as for other invalid bodies
    blocks = [block for block in message.get("blocks", []) if isinstance(block, dict)]
    header = "".join(_text(block) for block in blocks if block.get("type") == "header")
    return header or next(filter(None, map(_text, blocks)), str(message.get("text", "")))


def raw_text(body: bytes) -> str:
    return body.decode(errors="backslashreplace")


def _text(block: dict[str, Any]) -> str:
    text = block.get("text")
    return str(text.get("text", "")) if isinstance(text, dict) else ""
