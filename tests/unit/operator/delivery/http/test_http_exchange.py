"""One request over HTTP: bounded answers, no secret in an error, and what a failure says about the message."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web

from notification_runtime.delivery.channel import ReceiverError, ReceiverProblem, Transient
from notification_runtime.delivery.http import exchange as http_exchange
from notification_runtime.delivery.http.egress_guard import guarded_session
from notification_runtime.delivery.http.egress_policy import EgressPolicy
from notification_runtime.delivery.http.exchange import (
    MAX_QUOTE,
    HttpExchange,
    NetworkAccess,
    OutcomeUnknown,
    Reply,
    Unsent,
)
from tests.kit.hostile_answers import HTTP, STATUS, pouring
from tests.unit.operator.channels.receivers import LOOPBACK, NOW, returning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.operator.delivery.receiving import HttpServer


@pytest.fixture
async def way() -> AsyncIterator[NetworkAccess]:
    async with guarded_session(LOOPBACK, connections=2) as session:
        yield NetworkAccess(session=returning(session), policy=LOOPBACK, clock=lambda: NOW, timeout=5)


async def test_endless_answer_is_read_up_to_the_limit(server: HttpServer, way: NetworkAccess) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503)
        await response.prepare(request)
        while True:
            await response.write(b"x" * MAX_QUOTE)

    server.responses.append(pour)
    reply = await HttpExchange(way, server.url).request(b"{}", headers={})
    assert (reply.status, len(reply.body), reply.is_complete) == (503, MAX_QUOTE, False)


REFUSALS = {
    "interim answers": "the server sent more than 8 interim answers",
    "shortest interim answers": "the server sent more than 8 interim answers",
    "large interim answers": "the server sent more than 8 interim answers",
    "status line": "Got more than 2048 bytes",
    "header line": "Got more than 2048 bytes",
    "headers": "Too many headers received",
    "large headers": "the head of the answer is larger than 65536 bytes",
}


@pytest.mark.parametrize("answer", REFUSALS)
async def test_head_without_an_end_is_refused(way: NetworkAccess, answer: str) -> None:
    async with pouring(*HTTP[answer]) as port:
        with pytest.raises(OutcomeUnknown, match=REFUSALS[answer]):
            await HttpExchange(way, f"http://127.0.0.1:{port}/").post(b"{}", headers={})


@pytest.mark.parametrize("answer", sorted(HTTP.keys() - REFUSALS.keys()))
async def test_answer_without_an_end_counts_by_its_status(way: NetworkAccess, answer: str) -> None:
    async with pouring(*HTTP[answer]) as port:
        reply = await HttpExchange(way, f"http://127.0.0.1:{port}/").post(b"{}", headers={})
    assert reply.status == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxied", [False, True])
async def test_interim_answers_are_bounded_on_every_way(scheme: str, proxied: bool) -> None:  # noqa: FBT001 - a parameter of the test
    authority = trustme.CA()
    served, trusted = (
        ssl.create_default_context(purpose) for purpose in (ssl.Purpose.CLIENT_AUTH, ssl.Purpose.SERVER_AUTH)
    )
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusted)
    tls = served if scheme == "https" and not proxied else None
    async with pouring(*HTTP["interim answers"], tls=tls) as port:
        proxy = f"http://127.0.0.1:{port}" if proxied else ""
        async with guarded_session(LOOPBACK, connections=1, tls=trusted, proxy=proxy) as session:
            way = NetworkAccess(session=returning(session), policy=LOOPBACK, clock=lambda: NOW, timeout=5)
            with pytest.raises(Transient, match="more than 8 interim answers"):
                await HttpExchange(way, f"{scheme}://127.0.0.1:{port}/").post(b"{}", headers={})


async def test_interim_answers_within_the_bound_are_passed_over(way: NetworkAccess) -> None:
    interim = HTTP["interim answers"][1] * 8
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000
    async with pouring(interim + final, b"") as port:
        reply = await HttpExchange(way, f"http://127.0.0.1:{port}/", most=1 << 20).post(b"{}", headers={})
    assert reply == Reply(status=200, body="x" * 70_000)


@pytest.mark.parametrize(("size", "is_complete"), [(16, True), (1, False)])
async def test_body_in_pieces_is_read_unless_these_are_most_of_it(
    way: NetworkAccess,
    size: int,
    is_complete: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    piece = b"%x\r\n%s\r\n" % (size, b"x" * size)
    answer = STATUS + b"Transfer-Encoding: chunked\r\n\r\n" + piece * (32_000 // size) + b"0\r\n\r\n"
    async with pouring(answer, b"") as port:
        reply = await HttpExchange(way, f"http://127.0.0.1:{port}/", most=1 << 20).post(b"{}", headers={})
    assert reply.is_complete is is_complete


async def test_status_counts_when_the_answer_stalls(
    server: HttpServer, way: NetworkAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        await response.prepare(request)
        await response.write(b"so far")
        await release.wait()
        return response

    monkeypatch.setattr(http_exchange, "BODY_SECONDS", 0.1)
    server.responses.append(stall)
    reply = await HttpExchange(way, server.url).post(b"{}", headers={})
    release.set()
    assert reply == Reply(status=202, body="so far", is_complete=False)


async def test_answer_that_breaks_off_is_not_complete(server: HttpServer, way: NetworkAccess) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"so far")
        assert request.transport is not None
        request.transport.close()
        return response

    server.responses.append(break_off)
    reply = await HttpExchange(way, server.url).post(b"{}", headers={})
    assert reply == Reply(status=200, body="so far", is_complete=False)


async def test_answer_of_the_whole_limit_is_complete(server: HttpServer, way: NetworkAccess) -> None:
    server.add_response(200, "x" * MAX_QUOTE)
    reply = await HttpExchange(way, server.url).post(b"{}", headers={})
    assert reply == Reply(status=200, body="x" * MAX_QUOTE)


async def test_answer_that_is_no_text_is_quoted_with_replacements(
    server: HttpServer, way: NetworkAccess
) -> None:
    server.add_response(500, b"caf\xc3\xa9 \xff")
    with pytest.raises(Transient, match="HTTP 500: café \N{REPLACEMENT CHARACTER}"):
        await HttpExchange(way, server.url).post(b"{}", headers={})


@pytest.mark.parametrize(
    ("header", "delay"),
    [
        ("7", 7.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("soon", None),
        ("", None),
    ],
)
async def test_retry_after_is_seconds_or_a_date(
    server: HttpServer, way: NetworkAccess, header: str, delay: float | None
) -> None:
    server.add_response(503, "", Retry_After=header)
    with pytest.raises(Transient) as caught:
        await HttpExchange(way, server.url).post(b"{}", headers={})
    assert caught.value.retry_after == delay
    assert str(caught.value) == "HTTP 503"


async def test_no_part_of_a_secret_appears_in_an_error(server: HttpServer, way: NetworkAccess) -> None:
    url = f"{server.url}?token=query-secret"
    exchange = HttpExchange(way, url, secrets=(url, "a-token", "not a [url", "", "abc"))
    server.add_response(500, "T0123456789 verysecrettoken query-secret a-token not a [url abc 127.0.0.1")
    with pytest.raises(Transient) as caught:
        await exchange.post(b"{}", headers={})
    assert str(caught.value) == "HTTP 500: " + "[REDACTED] " * 5 + "abc 127.0.0.1"


@pytest.mark.parametrize(
    "url", ["https://", "https://[::1/very-secret", "https://example.com:99999/very-secret"]
)
async def test_url_that_is_not_valid_is_a_receiver_error(way: NetworkAccess, url: str) -> None:
    with pytest.raises(ReceiverError) as caught:
        await HttpExchange(way, url, secrets=(url,)).request(b"{}", headers={})
    assert caught.value.reason is ReceiverProblem.ADDRESS_NOT_ALLOWED
    assert "very-secret" not in str(caught.value)


async def test_refusal_of_a_proxy_does_not_show_its_credential() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        proxy = f"http://proxy-token:@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with guarded_session(LOOPBACK, connections=2, proxy=proxy) as session:
            way = NetworkAccess(session=returning(session), policy=LOOPBACK, clock=lambda: NOW, timeout=5)
            with pytest.raises(Unsent) as caught:
                await HttpExchange(way, "https://127.0.0.1:1/hook").post(b"{}", headers={})
    assert str(caught.value) == "HTTP 407: from the proxy: Proxy Authentication Required"


async def test_header_that_is_not_valid_is_a_receiver_error(server: HttpServer, way: NetworkAccess) -> None:
    with pytest.raises(ReceiverError) as caught:
        await HttpExchange(way, server.url).request(b"{}", headers={"X-A": "x\r\nX-B: y"})
    assert caught.value.reason is ReceiverProblem.MISCONFIGURED
    assert not server.received


async def test_policy_is_checked_before_each_request(server: HttpServer, way: NetworkAccess) -> None:
    await HttpExchange(way, server.url).request(b"{}", headers={})
    # The session has an open connection to this server now.
    strict = replace(way, policy=EgressPolicy(insecure=True))
    with pytest.raises(ReceiverError, match="refuses 127"):
        await HttpExchange(strict, server.url).request(b"{}", headers={})
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("body", "content"), [('{"ok": true}', {"ok": True}), ("[1]", {}), ("<html>", {}), ("", {})]
)
def test_reply_has_a_json_object_or_none(body: str, content: dict[str, object]) -> None:
    assert Reply(status=200, body=body).json == content
