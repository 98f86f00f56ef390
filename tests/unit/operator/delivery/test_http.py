"""What a receiver's answers mean, on a real server: success, another try, or none."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from notification_operator.delivery import http
from notification_operator.delivery.contract import DeliveryError, Permanent, Transient
from notification_operator.delivery.http import HttpReceiver
from tests.unit.operator.delivery.receiving import PATH, HttpServer, serving
from tests.unit.support.authority import Authority

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with serving() as made:
        yield made


async def post(url: str, *, times: int = 1) -> None:
    receiver = HttpReceiver(url, connections=10, clock=lambda: NOW)
    try:
        for _ in range(times):
            await receiver.post(b"{}", headers={"Idempotency-Key": "uid:slack:1"})
    finally:
        await receiver.close()


async def failure(url: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await post(url)
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize("body", ["ok", "", "{broken", "error: no"])
async def test_any_2xx_is_a_success_whatever_the_body_says(
    server: HttpServer, status: int, body: str
) -> None:
    server.answer(status, "" if status == 204 else body)
    await post(server.url)
    assert server.received[0].headers["Idempotency-Key"] == "uid:slack:1"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 507, 508, 599])
async def test_429_and_5xx_may_be_tried_again_and_tell_code_and_body(server: HttpServer, status: int) -> None:
    server.answer(status, "service_unavailable")
    error = await failure(server.url)
    assert isinstance(error, Transient)
    assert str(error) == f"HTTP {status}: service_unavailable"


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 408, 410, 413, 418, 451])
async def test_every_other_answer_is_final(server: HttpServer, status: int) -> None:
    server.answer(status, "" if status == 304 else "invalid_payload")
    error = await failure(server.url)
    assert isinstance(error, Permanent)
    assert str(error).startswith(f"HTTP {status}")


async def test_a_redirect_is_not_followed(server: HttpServer) -> None:
    server.answer(307, "", Location="/elsewhere")
    error = await failure(server.url)
    assert isinstance(error, Permanent)
    assert len(server.received) == 1


async def test_the_text_of_an_answer_is_quoted_unchanged(server: HttpServer) -> None:
    said = 'no "luck" \\ today,\n\ttry {"again": [1]} — позже, 後で, 💥'
    server.answer(500, said)
    assert str(await failure(server.url)) == f"HTTP 500: {said}"


async def test_the_text_is_read_by_its_charset_and_what_is_none_is_replaced(server: HttpServer) -> None:
    server.answer(500, "позже".encode("cp1251"), Content_Type="text/plain; charset=windows-1251")
    server.answer(500, b"caf\xc3\xa9 \xff", Content_Type="text/plain; charset=no-such-thing")
    assert str(await failure(server.url)) == "HTTP 500: позже"
    assert str(await failure(server.url)) == "HTTP 500: café \N{REPLACEMENT CHARACTER}"


async def test_of_a_long_answer_no_more_is_read_than_can_be_shown(server: HttpServer) -> None:
    server.answer(503, "x" * 5_000_000)
    text = str(await failure(server.url))
    assert 2048 < len(text) <= http.LONGEST_QUOTE + len("HTTP 503: ")


async def test_an_answer_without_end_is_left_when_enough_was_read(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503)
        await response.prepare(request)
        while True:
            await response.write(b"x" * http.LONGEST_QUOTE)

    monkeypatch.setattr(http, "READING_SECONDS", 3600)
    server.answers.append(pour)
    async with asyncio.timeout(5):
        await failure(server.url)


@pytest.mark.parametrize("status", [200, 503])
async def test_an_answer_whose_body_never_ends_is_judged_by_its_status(
    server: HttpServer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        await response.write(b"so far")
        await asyncio.sleep(3600)
        return response

    monkeypatch.setattr(http, "READING_SECONDS", 0.1)
    server.answers.append(never)
    if status == 200:
        await post(server.url)
    else:
        assert str(await failure(server.url)) == "HTTP 503: so far"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Wed, 06 May 2026 07:09:39 -0000", 90.0),
        ("soon", None),
        ("", None),
    ],
)
async def test_the_pause_that_a_receiver_asks_for_is_read_as_seconds_or_as_a_date(
    server: HttpServer, status: int, asked: str, pause: float | None
) -> None:
    server.answer(status, "busy", Retry_After=asked)
    error = await failure(server.url)
    assert isinstance(error, Transient)
    assert error.retry_after == pause


async def test_a_pause_with_another_answer_counts_for_nothing(server: HttpServer) -> None:
    server.answer(500, "", Retry_After="7")
    error = await failure(server.url)
    assert isinstance(error, Transient)
    assert error.retry_after is None


async def test_a_receiver_that_cannot_be_reached_may_be_tried_again() -> None:
    for url in ("http://127.0.0.1:1/x", "http://no-such-host.invalid/x"):
        error = await failure(url)
        assert isinstance(error, Transient)
        assert "Cannot connect to host" in str(error)


async def test_an_address_in_an_error_is_left_to_the_rules_of_whoever_makes_the_try() -> None:
    assert "127.0.0.1" in str(await failure("http://127.0.0.1:9/hook"))


async def test_a_connection_that_breaks_without_an_answer_may_be_tried_again(server: HttpServer) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.answers.append(hang_up)
    assert isinstance(await failure(server.url), Transient)
    assert len(server.received) == 1


async def test_an_answer_that_is_not_http_may_be_tried_again_and_hides_the_url() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        error = await failure(f"http://127.0.0.1:{port}{PATH}")
    assert isinstance(error, Transient)
    assert "secret" not in str(error)


@pytest.mark.parametrize("trusted", [False, True], ids=["self-signed", "for another name"])
async def test_a_certificate_that_cannot_be_trusted_is_final(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,  # noqa: FBT001 - a case
) -> None:
    authority = Authority(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with serving(authority.identity("sink")) as server:
        error = await failure(server.url.replace("127.0.0.1", "localhost"))
        assert server.received == []
    assert isinstance(error, Permanent)
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert "secret" not in str(error)


async def test_https_to_a_server_without_it_is_final(server: HttpServer) -> None:
    assert isinstance(await failure(server.url.replace("http:", "https:")), Permanent)


async def test_a_tls_connection_that_is_cut_off_is_trouble_of_the_network() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert isinstance(await failure(f"https://127.0.0.1:{port}{PATH}"), Transient)


@pytest.mark.parametrize(
    "said",
    [
        f"Cannot POST {PATH}",
        "no_service: https://127.0.0.1/services/T0123456789/B0123456789/verysecrettoken",
        "the token verysecrettoken was revoked",
        "unknown team T0123456789",
    ],
)
async def test_an_answer_that_repeats_the_url_does_not_bring_its_secret_into_the_error(
    server: HttpServer, said: str
) -> None:
    server.answer(404, said)
    text = str(await failure(server.url))
    assert "[REDACTED]" in text
    for part in ("T0123456789", "B0123456789", "verysecrettoken"):
        assert part not in text


async def test_connections_are_used_again_and_closed_at_the_end(server: HttpServer) -> None:
    server.answer(200, "ok")
    server.answer(200, "x" * http.LONGEST_QUOTE)
    await post(server.url, times=5)
    assert len({request.connection for request in server.received}) == 1


async def test_failing_posts_use_connections_again_too(server: HttpServer) -> None:
    server.answer(503, "busy")
    receiver = HttpReceiver(server.url, connections=10)
    for _ in range(3):
        with pytest.raises(Transient):
            await receiver.post(b"{}", headers={})
    await receiver.close()
    assert len({request.connection for request in server.received}) == 1


async def test_no_more_connections_are_opened_than_allowed(server: HttpServer) -> None:
    together, most = 0, 0

    async def slowly(_request: web.Request) -> web.Response:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.02)
        together -= 1
        return web.Response()

    server.answers.append(slowly)
    receiver = HttpReceiver(server.url, connections=3)
    await asyncio.gather(*(receiver.post(b"{}", headers={}) for _ in range(12)))
    await receiver.close()
    assert (most, len(server.received)) == (3, 12)
    assert len(server.connections) == 3


async def test_a_connection_that_is_not_used_is_closed(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http.IDLE_SECONDS * 2 < 90
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.05)
    receiver = HttpReceiver(server.url, connections=3)
    await receiver.post(b"{}", headers={})
    assert server.open_connections == 1
    await server.until_all_are_closed()
    await receiver.close()


async def test_a_proxy_named_by_the_environment_is_used(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.url.removesuffix(PATH).removeprefix("http://")
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@{address}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    await post("http://hooks.example.invalid/x")
    headers = server.received[0].headers
    assert headers["Host"] == "hooks.example.invalid"
    assert headers["Proxy-Authorization"] == aiohttp.encode_basic_auth("me", "secret")


async def test_a_post_needs_no_thread(server: HttpServer) -> None:
    before = threading.active_count()
    await post(server.url, times=2)
    assert threading.active_count() == before


async def test_being_cut_off_by_the_operator_leaves_no_connection_in_use(server: HttpServer) -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    server.answers.append(never)
    receiver = HttpReceiver(server.url, connections=1)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await receiver.post(b"{}", headers={})
    await receiver.close()
    assert len(server.received) == 2, "the second got the only connection that is allowed"


def test_what_the_network_breaks_off_is_told_from_what_tls_refuses() -> None:
    assert not http._is_final(ConnectionResetError())
    assert not http._is_final(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert http._is_final(ssl.SSLCertVerificationError("certificate verify failed"))
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = ssl.SSLError("tlsv1 alert")
    assert http._is_final(wrapped)
