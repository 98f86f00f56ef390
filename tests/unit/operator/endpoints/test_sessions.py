"""Sessions: shared by receivers with the same way to the network, bounded in number, and closed by none of them."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from notification_runtime.delivery import sessions as module
from notification_runtime.delivery.channel import InvalidOptionsError
from notification_runtime.delivery.http.egress_policy import EgressPolicy
from notification_runtime.delivery.sessions import Connection, Sessions, Trust
from tests.kit.gaps import Gaps
from tests.unit.operator.channels.receivers import LOOPBACK
from tests.unit.operator.delivery.receiving import HttpServer, serving
from tests.unit.operator.domain.receivers.entries import receiver
from tests.unit.operator.endpoints.far_ends import network
from tests.unit.tables.operator_tables import certificates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


CREATE = """
import asyncio
import os
from notification_runtime.delivery.sessions import Sessions

print(asyncio.run(Sessions().problem("shop", {"certificate": os.environ["CERTIFICATE"], "key": os.environ["KEY"]})))
"""


@pytest.fixture
async def sessions() -> AsyncIterator[Sessions]:
    parts = Sessions()
    yield parts
    await parts.close()


def connection(number: int) -> Connection:
    """Return one of many different connections to this machine."""
    networks = (ip_network("127.0.0.0/8"), ip_network(f"10.{number}.0.0/16"))
    return Connection(policy=EgressPolicy(insecure=True, allowed_networks=networks))


async def status(sessions: Sessions, number: int, server: HttpServer) -> int:
    async with (await sessions.session("shop", connection(number))).post(server.url, data="x") as response:
        return response.status


async def test_receivers_with_the_same_way_share_a_session(sessions: Sessions) -> None:
    first = await sessions.session("shop", Connection(policy=LOOPBACK))
    assert await sessions.session("bank", Connection(policy=replace(LOOPBACK))) is first
    proxied = Connection(policy=LOOPBACK, proxy="http://127.0.0.1:1")
    assert await sessions.session("shop", proxied) is not first
    assert await sessions.session("shop", Connection(policy=EgressPolicy())) is not first


async def test_session_of_a_receiver_that_was_not_used_for_long_is_opened_again(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", module.SESSION_BYTES)
    sessions = Sessions()
    assert await status(sessions, 0, server) == 200
    first = await sessions.session("shop", connection(0))
    assert await status(sessions, 1, server) == 200
    assert first.closed
    assert await status(sessions, 0, server) == 200
    await sessions.close()


async def test_receiver_outlives_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its channel, which is made once, must not hold a session that others close."""
    monkeypatch.setattr(module, "MAX_BYTES", module.SESSION_BYTES)
    names = [f"r{number}" for number in range(3)]
    async with network() as stage_of, serving() as server:
        entries = [
            receiver(
                name,
                block={
                    "url": server.url,
                    "insecure": True,
                    "allowedNetworks": ["127.0.0.0/8", f"10.{number}.0.0/16"],
                },
            )
            for number, name in enumerate(names)
        ]
        stage = stage_of(*entries)
        for _ in range(2):
            for name in names:
                attempt = await stage.attempt(f"webhook/{name}")
                assert attempt.error is None
    assert len(server.received) == 6


async def test_every_session_is_closed_at_the_end(sessions: Sessions) -> None:
    opened = [await sessions.session("shop", connection(number)) for number in range(3)]
    await sessions.close()
    assert all(session.closed for session in opened)


def encrypted(key: bytes) -> str:
    """Return a private key with a passphrase."""
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    ).decode()


@pytest.mark.slow
def test_encrypted_key_is_refused_and_its_passphrase_is_not_asked_for() -> None:
    """OpenSSL would read the passphrase from the terminal or from standard input, which stay open here."""
    issued = trustme.CA().issue_cert("client.example")
    trust = Trust(
        certificate=issued.cert_chain_pems[0].bytes().decode(), key=encrypted(issued.private_key_pem.bytes())
    )
    ours, theirs = pty.openpty()
    try:
        process = subprocess.run(
            [sys.executable, "-c", CREATE],
            env={**os.environ, "CERTIFICATE": trust.certificate, "KEY": trust.key},
            stdin=theirs,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.stdout == (
        "tls.certSecretRef: the private key under tls.key is encrypted; store it without a passphrase\n"
    )


def trusting(authorities: str) -> Connection:
    return Connection(policy=LOOPBACK, trust=Trust(authorities=authorities))


async def test_certificates_are_read_once(sessions: Sessions) -> None:
    first, second = (trusting(trustme.CA().cert_pem.bytes().decode()) for _ in range(2))
    context = await sessions.context("shop", first)
    assert context is not None
    assert await sessions.context("bank", first) is context
    assert await sessions.context("shop", second) is not context
    assert await sessions.context("shop", connection(0)) is None, "aiohttp has those of the system"


async def test_certificates_of_a_namespace_give_way_to_those_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pems = [trustme.CA().cert_pem.bytes().decode() for _ in range(5)]
    sizes = [module.SESSION_BYTES + Trust(authorities=pem).size for pem in pems]
    monkeypatch.setattr(module, "MAX_BYTES", 3 * max(sizes))
    sessions = Sessions()
    shop = await sessions.session("shop", trusting(pems[0]))
    flood = [await sessions.session("flood", trusting(pem)) for pem in pems[1:]]
    await asyncio.sleep(0)  # Closing takes a turn of the loop.
    assert [each.closed for each in flood] == [True, True, False, False]
    with pytest.raises(InvalidOptionsError, match=r"no memory is left for .* of namespace flood"):
        await sessions.session("flood", trusting("\n" * 5000 + pems[1]))
    assert not shop.closed
    await sessions.close()


async def test_large_certificates_are_read_beside_the_event_loop(sessions: Sessions) -> None:
    authorities = "".join(certificates(200))
    gaps = Gaps()
    async with gaps.measured():
        assert await sessions.problem("shop", {"authorities": authorities}) == ""
    assert gaps.longest < 0.02


@pytest.mark.parametrize(
    ("trust", "message"),
    [
        (Trust(authorities="no PEM"), "tls.caSecretRef holds no certificate in PEM"),
        (Trust(authorities="-----BEGIN CERTIFICATE-----\nx"), "tls.caSecretRef holds no certificate in PEM"),
        (Trust(authorities="é"), "tls.caSecretRef holds no certificate in PEM"),
        (Trust(authorities="x" * 65_537), "tls.caSecretRef holds 65537 characters; at most 65536"),
        (Trust(certificate="no PEM", key="hunter2"), "tls.certSecretRef holds no certificate with its key"),
        (Trust(certificate="x", key="hunter2" * 9_999), "tls.certSecretRef holds 69994 characters"),
    ],
)
async def test_certificate_that_is_none_is_refused(sessions: Sessions, trust: Trust, message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        await sessions.session("shop", Connection(policy=LOOPBACK, trust=trust))
    assert "hunter2" not in str(caught.value)


def test_connection_shows_neither_key_nor_proxy() -> None:
    shown = repr(Connection(policy=LOOPBACK, trust=Trust(key="hunter2"), proxy="http://me:hunter2@proxy"))
    assert "hunter2" not in shown
