"""What a receiver's answers mean, on a real server: success, another try, or none."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from notification_operator.delivery import http_client as http
from notification_operator.delivery.channel import Permanent, Transient
from tests.unit.operator.delivery.posting import NOW, failure, post
from tests.unit.operator.delivery.receiving import PATH, HttpServer


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
    assert 2048 < len(text) <= http.MAX_QUOTE + len("HTTP 503: ")


async def test_an_answer_without_end_is_left_when_enough_was_read(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503)
        await response.prepare(request)
        while True:
            await response.write(b"x" * http.MAX_QUOTE)

    monkeypatch.setattr(http, "BODY_SECONDS", 3600)
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

    monkeypatch.setattr(http, "BODY_SECONDS", 0.1)
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
