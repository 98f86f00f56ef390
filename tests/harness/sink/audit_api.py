"""The audit store over HTTP, one per operator, with scripted failures."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from tests.harness.sink.answers import SUCCESS, Answer
from tests.harness.sink.audit import AuditStore, Page
from tests.harness.sink.hits import Hit
from tests.harness.sink.replies import give, hold
from tests.harness.sink.series import Series

if TYPE_CHECKING:
    from tests.harness.sink.connections import Connections
    from tests.harness.sink.hits import Hits

KIND = "audit"
SCRIPT = TypeAdapter(list[Answer])
STORED = 201


class AuditApi:
    """`/audit/<operator>`: batch write, filtered read, health; `PUT …/answers` scripts the batch writes.

    A scripted answer without a code stores the events; one with a code does not.
    """

    def __init__(self, *, hits: Hits, connections: Connections) -> None:
        self._store = AuditStore()
        self._hits = hits
        self._connections = connections
        self._answers: defaultdict[str, Series[Answer]] = defaultdict(lambda: Series([], otherwise=SUCCESS))

    def routes(self) -> list[web.RouteDef]:
        base = "/audit/{operator}"
        return [
            web.post(f"{base}/api/v1/audit/events/batch", self._write),
            web.get(f"{base}/api/v1/audit/events", self._read),
            web.get(f"{base}/health", self._health),
            web.put(f"{base}/answers", self._script),
        ]

    async def _write(self, request: web.Request) -> web.StreamResponse:
        operator = request.match_info["operator"]
        hit = Hit(
            kind=KIND,
            operator=operator,
            method=request.method,
            path=request.path,
            headers=dict(request.headers),
            connection=self._connections.carry(request.transport, request.path),
            size=0,
        )
        with self._hits.open(hit):
            answer = self._answers[operator].take()
            body = await request.read()
            await hold(answer)
            stored = web.Response(status=STORED)
            if answer.store or (answer.code is None and not answer.drop):
                stored = self._stored(operator, body)
            return await give(request, hit, answer, stored)

    def _stored(self, operator: str, body: bytes) -> web.Response:
        try:
            ids = self._store.add(operator, json.loads(body))
        except (ValidationError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"event_ids": ids}, status=STORED)

    async def _read(self, request: web.Request) -> web.Response:
        page = Page.model_validate(dict(request.query))
        return web.json_response(self._store.read(request.match_info["operator"], page))

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def _script(self, request: web.Request) -> web.Response:
        answers = SCRIPT.validate_python(await request.json())
        self._answers[request.match_info["operator"]] = Series(answers, otherwise=SUCCESS)
        return web.json_response({})
