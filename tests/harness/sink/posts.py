"""The services over HTTP: each request is recorded, then answered by script, or as the service itself does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.harness.sink.answers import give
from tests.harness.sink.hits import Hit
from tests.harness.sink.services.service import Posted
from tests.harness.sink.services.table import CHANGES, SERVICES

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from tests.harness.sink.accounts import Accounts
    from tests.harness.sink.answers import Answer
    from tests.harness.sink.connections import Connections
    from tests.harness.sink.hits import Hits
    from tests.harness.sink.services.service import Service

PREFIX = "/at/{account}"


class Posts:
    """`/at/<account>/…`: the requests of an account are its hits."""

    def __init__(self, *, accounts: Accounts, hits: Hits, connections: Connections) -> None:
        self._accounts = accounts
        self._hits = hits
        self._connections = connections

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route(service.method, PREFIX + service.path, self._handler(name, service))
            for name, service in (*SERVICES.items(), *CHANGES.items())
        ]

    def _handler(self, kind: str, service: Service) -> Handler:
        async def receive(request: web.Request) -> web.StreamResponse:
            account = self._accounts[request.match_info["account"]]
            with self._hits.open(self._hit(kind, request)) as hit:
                hit.body = await request.read()
                hit.key = hit.body.decode(errors="backslashreplace")
                answer = account.take()
                await answer.wait()
                return await give(request, hit, answer, self._answered(request, hit, service, answer))

        return receive

    def _hit(self, kind: str, request: web.Request) -> Hit:
        return Hit(
            kind=kind,
            operator=request.match_info["account"],
            method=request.method,
            path=request.path_qs,
            headers=dict(request.headers),
            connection=self._connections.carry(request.transport, request.path),
            size=request.content_length or 0,
            client=_client(request),
        )

    def _answered(self, request: web.Request, hit: Hit, service: Service, answer: Answer) -> web.Response:
        posted = Posted(
            credential=self._accounts[hit.operator].credential,
            path=request.match_info,
            query=request.query,
            headers=request.headers,
            body=hit.body,
            messages=self._accounts[hit.operator].messages,
        )
        answered = service.answer(posted) if answer.code is None else None
        if answered is None:
            return web.Response(text="")
        kind = "text/plain" if isinstance(answered.body, str) else "application/json"
        return web.Response(
            status=answered.status, text=answered.text, content_type=kind, headers=answered.headers
        )


def _client(request: web.Request) -> str:
    """Return the name in the certificate of the client, empty without one."""
    certificate = request.get_extra_info("peercert") or {}
    names = dict(pair for group in certificate.get("subject", ()) for pair in group)
    return str(names.get("commonName", ""))
