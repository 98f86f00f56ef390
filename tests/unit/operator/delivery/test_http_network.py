"""What it means when no answer comes: trouble of the network may be tried again, distrust is final."""

import asyncio
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from notification_operator.delivery import http_client as http
from notification_operator.delivery.channel import Permanent, Transient
from tests.unit.harness.authority import Authority
from tests.unit.operator.delivery.posting import failure
from tests.unit.operator.delivery.receiving import PATH, HttpServer, serving


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
async def test_a_certificate_that_cannot_be_trusted_is_permanent(
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


async def test_https_to_a_server_without_it_is_permanent(server: HttpServer) -> None:
    assert isinstance(await failure(server.url.replace("http:", "https:")), Permanent)


async def test_a_tls_connection_that_is_cut_off_is_trouble_of_the_network() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert isinstance(await failure(f"https://127.0.0.1:{port}{PATH}"), Transient)


def test_what_the_network_breaks_off_is_told_from_what_tls_refuses() -> None:
    assert not http._is_permanent(ConnectionResetError())
    assert not http._is_permanent(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert http._is_permanent(ssl.SSLCertVerificationError("certificate verify failed"))
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = ssl.SSLError("tlsv1 alert")
    assert http._is_permanent(wrapped)
