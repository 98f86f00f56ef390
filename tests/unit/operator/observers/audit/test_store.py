"""The client of the audit store: its requests, its token, and the error of each response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from notification_operator.observers.audit.store import HttpAuditStore, Refused, TooLarge, Unavailable
from tests.unit.loopback import listening
from tests.unit.operator.observers.audit.conftest import NEVER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.operator.observers.audit.conftest import AuditStore


async def failed_write(url: str, **options: object) -> Exception:
    """Write one event and return the error."""
    client = HttpAuditStore(url, **options)  # type: ignore[arg-type]
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller checks the type
        await client.write([b"{}"])
    await client.close()
    return caught.value


async def test_batch_is_one_json_array_with_the_actor(store: AuditStore) -> None:
    client = HttpAuditStore(f"{store.url}/")
    await client.write([b'{"n": 1}', b'{"n": "\xc3\xa9"}'])
    await client.close()
    assert store.batches == [[{"n": 1}, {"n": "é"}]]
    (request,) = store.requests
    assert request.headers["X-Auth-Request-User"] == "notification-controller"
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers


async def test_token_is_read_again_for_each_batch(store: AuditStore, tmp_path: Path) -> None:
    token = tmp_path / "token"
    client = HttpAuditStore(store.url, token_file=token)
    for text in ("first\n", "second\n"):
        token.write_text(text)
        await client.write([b"{}"])
    await client.close()
    assert [request.headers["Authorization"] for request in store.requests] == [
        "Bearer first",
        "Bearer second",
    ]


@pytest.mark.parametrize("content", [None, "", " \n"])
async def test_request_waits_for_a_missing_token(
    store: AuditStore, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    error = await failed_write(store.url, token_file=file)
    assert isinstance(error, Unavailable)
    assert str(file) in str(error)
    assert store.requests == []


async def test_token_is_not_quoted_from_a_response(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("eyJ.secret.token")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=401, text=f"unknown {request.headers['Authorization']}")

    async with listening(echo) as url:
        error = await failed_write(url, token_file=file)
    assert "responded with 401: unknown Bearer [REDACTED]" in str(error)


async def test_token_over_http_does_not_pass_a_proxy(
    store: AuditStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", "none"))
        return web.Response(status=201)

    file = tmp_path / "token"
    file.write_text("secret")
    async with listening(proxy) as url:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        client = HttpAuditStore(store.url, token_file=file)
        await client.write([b"{}"])
        await client.close()
        without_token = HttpAuditStore("http://audit.example")
        await without_token.write([b"{}"])
        await without_token.close()
    assert len(store.requests) == 1
    assert seen == ["none"]


@pytest.mark.parametrize("code", [200, 201, 202, 204])
async def test_every_2xx_response_is_a_success(store: AuditStore, code: int) -> None:
    store.statuses = [code]
    client = HttpAuditStore(store.url)
    await client.write([b"{}"])
    await client.close()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed_and_not_a_success(store: AuditStore, code: int) -> None:
    store.statuses = [code]
    store.headers = {"Location": "/login"}
    error = await failed_write(store.url)
    assert isinstance(error, Unavailable)
    assert len(store.requests) == 1
    assert f"responded with {code}" in str(error)


@pytest.mark.parametrize("code", [304, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504])
async def test_status_that_can_change_makes_the_store_unavailable(store: AuditStore, code: int) -> None:
    store.statuses = [code]
    assert isinstance(await failed_write(store.url), Unavailable)


@pytest.mark.parametrize(
    ("code", "kind"), [(400, Refused), (409, Refused), (413, TooLarge), (422, Refused), (500, Unavailable)]
)
async def test_error_names_endpoint_code_and_body(
    store: AuditStore, code: int, kind: type[Exception]
) -> None:
    store.statuses = [code]
    error = await failed_write(store.url)
    assert type(error) is kind
    assert f"/api/v1/audit/events/batch responded with {code}: from the store" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT", "Date": "Sun, 01 Mar 2026 12:00:00 GMT"}, 30.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_unavailable_store_reports_its_retry_after(
    store: AuditStore, headers: dict[str, str], seconds: float | None
) -> None:
    store.statuses, store.headers = [429], headers
    error = await failed_write(store.url)
    assert isinstance(error, Unavailable)
    assert error.retry_after == seconds


async def test_timeout_is_reported_with_its_limit(store: AuditStore) -> None:
    store.statuses = [NEVER]
    error = await failed_write(store.url, response_seconds=0.05)
    assert isinstance(error, Unavailable)
    assert "did not respond within 0.05 s" in str(error)


async def test_error_hides_the_password_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://me:hunter2@127.0.0.1:9")
    error = await failed_write("https://audit.example")
    assert isinstance(error, Unavailable)
    assert "cannot be reached" in str(error)
    assert "hunter2" not in str(error)


async def test_unreachable_store_is_unavailable() -> None:
    error = await failed_write("http://me:hunter2@127.0.0.1:9")
    assert isinstance(error, Unavailable)
    assert "http://127.0.0.1:9/api/v1/audit/events/batch cannot be reached" in str(error)
    assert "hunter2" not in str(error)
