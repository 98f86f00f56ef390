"""The meaning of a response, on a real server: success, transient or permanent failure."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from notification_runtime.delivery.channel import Permanent, Transient
from notification_runtime.delivery.http import exchange as http
from tests.unit.operator.delivery.posting import NOW, failure, post
from tests.unit.operator.delivery.receiving import PATH, HttpServer


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize("body", ["ok", "", "{broken", "error: no"])
async def test_2xx_is_a_success_with_any_body(server: HttpServer, status: int, body: str) -> None:
    server.add_response(status, "" if status == 204 else body)
    await post(server.url)
    assert server.received[0].headers["Idempotency-Key"] == "uid:slack:1"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 507, 508, 599])
async def test_429_and_5xx_are_transient_with_code_and_body(server: HttpServer, status: int) -> None:
    server.add_response(status, "service_unavailable")
    error = await failure(server.url)
    assert isinstance(error, Transient)
    assert str(error) == f"HTTP {status}: service_unavailable"


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 408, 410, 413, 418, 451])
async def test_other_status_is_permanent(server: HttpServer, status: int) -> None:
    server.add_response(status, "" if status == 304 else "invalid_payload")
    error = await failure(server.url)
    assert isinstance(error, Permanent)
    assert str(error).startswith(f"HTTP {status}")


async def test_redirect_is_not_followed(server: HttpServer) -> None:
    server.add_response(307, "", Location="/elsewhere")
    error = await failure(server.url)
    assert isinstance(error, Permanent)
    assert len(server.received) == 1


async def test_body_is_quoted_unchanged(server: HttpServer) -> None:
    body = 'no "luck" \\ today,\n\ttry {"again": [1]} — позже, 後で, 💥'
    server.add_response(500, body)
    assert str(await failure(server.url)) == f"HTTP 500: {body}"


async def test_body_is_decoded_by_its_charset_with_replacements(server: HttpServer) -> None:
    server.add_response(500, "позже".encode("cp1251"), Content_Type="text/plain; charset=windows-1251")
    server.add_response(500, b"caf\xc3\xa9 \xff", Content_Type="text/plain; charset=no-such-thing")
    assert str(await failure(server.url)) == "HTTP 500: позже"
    assert str(await failure(server.url)) == "HTTP 500: café \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "undefined", "utf-7"])
async def test_charset_of_another_kind_is_ignored(server: HttpServer, charset: str) -> None:
    """The far end chooses it, and decoding punycode takes a time that grows with the square of the length."""
    server.add_response(500, b"busy-\\x41+AGE-", Content_Type=f"text/plain; charset={charset}")
    assert str(await failure(server.url)) == "HTTP 500: busy-\\x41+AGE-"


async def test_long_body_is_read_up_to_the_quoted_length(server: HttpServer) -> None:
    server.add_response(503, "x" * 5_000_000)
    text = str(await failure(server.url))
    assert 2048 < len(text) <= http.MAX_QUOTE + len("HTTP 503: ")


async def test_endless_body_is_read_up_to_the_quoted_length(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503)
        await response.prepare(request)
        while True:
            await response.write(b"x" * http.MAX_QUOTE)

    monkeypatch.setattr(http, "BODY_SECONDS", 3600)
    server.responses.append(pour)
    async with asyncio.timeout(5):
        await failure(server.url)


@pytest.mark.parametrize("status", [200, 503])
async def test_status_decides_when_the_body_stalls(
    server: HttpServer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        await response.write(b"so far")
        await asyncio.sleep(3600)
        return response

    monkeypatch.setattr(http, "BODY_SECONDS", 0.1)
    server.responses.append(never)
    if status == 200:
        await post(server.url)
    else:
        assert str(await failure(server.url)) == "HTTP 503: so far"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "delay"),
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
async def test_retry_after_of_429_and_503_is_parsed(
    server: HttpServer, status: int, header: str, delay: float | None
) -> None:
    server.add_response(status, "busy", Retry_After=header)
    error = await failure(server.url)
    assert isinstance(error, Transient)
    assert error.retry_after == delay


async def test_retry_after_of_another_status_is_ignored(server: HttpServer) -> None:
    server.add_response(500, "", Retry_After="7")
    error = await failure(server.url)
    assert isinstance(error, Transient)
    assert error.retry_after is None


@pytest.mark.parametrize(
    "body",
    [
        f"Cannot POST {PATH}",
        "no_service: https://127.0.0.1/services/T0123456789/B0123456789/verysecrettoken",
        "the token verysecrettoken was revoked",
        "unknown team T0123456789",
    ],
)
async def test_body_that_repeats_the_url_is_redacted(server: HttpServer, body: str) -> None:
    server.add_response(404, body)
    text = str(await failure(server.url))
    assert "[REDACTED]" in text
    for part in ("T0123456789", "B0123456789", "verysecrettoken"):
        assert part not in text
