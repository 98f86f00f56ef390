"""Failures without a response: network errors are transient, TLS errors are permanent."""

import asyncio
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from notification_runtime.delivery import http_client as http
from notification_runtime.delivery.channel import Permanent, Transient
from tests.harness.authority import Authority
from tests.unit.operator.delivery.posting import failure
from tests.unit.operator.delivery.receiving import PATH, HttpServer, serving


async def test_unreachable_server_is_transient() -> None:
    for url, text in (
        ("http://127.0.0.1:1/x", "connection refused by 127.0.0.1:1"),
        ("http://no-such-host.invalid/x", "no-such-host.invalid:80: "),
    ):
        error = await failure(url)
        assert isinstance(error, Transient)
        assert str(error).startswith(text)


async def test_address_in_an_error_is_left_to_the_configured_redaction() -> None:
    assert "127.0.0.1" in str(await failure("http://127.0.0.1:9/hook"))


async def test_connection_closed_without_a_response_is_transient(server: HttpServer) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.responses.append(hang_up)
    assert isinstance(await failure(server.url), Transient)
    assert len(server.received) == 1


async def test_response_without_http_is_transient_and_hides_the_url() -> None:
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
async def test_untrusted_certificate_is_permanent(
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
    assert ": the certificate is not valid: " in str(error)
    assert "secret" not in str(error)


async def test_https_to_a_plain_http_server_is_permanent(server: HttpServer) -> None:
    assert isinstance(await failure(server.url.replace("http:", "https:")), Permanent)


async def test_tls_connection_closed_early_is_transient() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert isinstance(await failure(f"https://127.0.0.1:{port}{PATH}"), Transient)


def test_network_error_is_distinguished_from_a_tls_error() -> None:
    assert not http.is_permanent(ConnectionResetError())
    assert not http.is_permanent(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert http.is_permanent(ssl.SSLCertVerificationError("certificate verify failed"))
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = ssl.SSLError("tlsv1 alert")
    assert http.is_permanent(wrapped)
