"""Forwards requests to the API server and its responses back, except for what the rules change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from yarl import URL

from tests.harness.faultproxy.creations import already_exists
from tests.harness.faultproxy.requests import Record, kind_of
from tests.harness.faultproxy.rules import status
from tests.harness.faultproxy.watches import Watch

if TYPE_CHECKING:
    import ssl

    from multidict import CIMultiDictProxy

    from tests.harness.faultproxy.creations import Creations
    from tests.harness.faultproxy.requests import Records
    from tests.harness.faultproxy.rules import Rule, Rules
    from tests.harness.faultproxy.watches import Watches

OF_A_CONNECTION = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""Headers of a single connection."""
LIKE_THE_ASKER = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add if the client has none."""


class Forwarder:
    """Forwards to one API server, with the client's credentials."""

    def __init__(
        self,
        upstream: str,
        trust: ssl.SSLContext,
        *,
        rules: Rules,
        records: Records,
        watches: Watches,
        creations: Creations,
    ) -> None:
        self._upstream = upstream
        self._trust = trust
        self._rules = rules
        self._records = records
        self._watches = watches
        self._creations = creations
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._trust),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=LIKE_THE_ASKER,
            auto_decompress=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        kind = kind_of(request.method, request.path, request.query)
        met = self._rules.take(kind, body)
        record = Record(
            kind=kind, method=request.method, path=request.path_qs, rule=None if met is None else met.id
        )
        with self._records.open(record):
            try:
                return await self._serve(request, body, record, None if met is None else met.rule)
            except aiohttp.ClientError as error:
                record.code = 502
                return web.json_response(
                    status(502, f"the API server cannot be reached: {error}"), status=502
                )

    async def _serve(
        self, request: web.Request, body: bytes, record: Record, rule: Rule | None
    ) -> web.StreamResponse:
        if self._creations.concerns(request) and await self._is_refused(request):
            record.code = 409
            return web.json_response(already_exists(request.path), status=409)
        if rule is None:
            return await self._forward(request, body, record, rule)
        await asyncio.sleep(rule.delay)
        if not rule.after and (rule.cut or rule.code is not None):
            return refuse(request, record, rule)
        return await self._forward(request, body, record, rule)

    async def _is_refused(self, request: web.Request) -> bool:
        """Return whether the request creates an object that exists, and that is refused."""
        assert self._session is not None
        url = URL(self._upstream + request.raw_path, encoded=True).with_query(None)
        headers = {"Authorization": request.headers.get("Authorization", "")}
        async with self._session.get(url, headers=headers) as answer:
            return answer.ok and self._creations.refuses(request, await answer.read())

    async def _forward(
        self, request: web.Request, body: bytes, record: Record, rule: Rule | None
    ) -> web.StreamResponse:
        assert self._session is not None
        url = URL(self._upstream + request.raw_path, encoded=True)
        headers = passed_on(request.headers)
        async with self._session.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            record.upstream = answer.status
            if record.kind.verb == "watch" and answer.ok:
                return await self._stream(request, answer, record)
            payload = await answer.read()
        if rule is not None:
            await asyncio.sleep(rule.delay_after)
            if rule.after:
                return refuse(request, record, rule)
        record.code = answer.status
        return web.Response(status=answer.status, headers=passed_on(answer.headers), body=payload)

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse, record: Record
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=passed_on(answer.headers))
        record.code = answer.status
        await response.prepare(request)
        watch = Watch(record, request, lag=self._rules.lag)
        await self._watches.run(watch, answer.content, response)
        return response


def refuse(request: web.Request, record: Record, rule: Rule) -> web.StreamResponse:
    """Respond as the rule says, or cut the connection."""
    if rule.code is None:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    record.code = rule.code
    headers = {"Content-Type": "application/json", **rule.headers}
    return web.Response(status=rule.code, headers=headers, body=rule.payload())


def passed_on(headers: CIMultiDictProxy[str]) -> list[tuple[str, str]]:
    """Return the headers that are not of a single connection."""
    return [(name, value) for name, value in headers.items() if name.lower() not in OF_A_CONNECTION]
