"""Receivers whose far ends run here: each type with a spec, its Secrets, and what arrives."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notification_contract.settings.receivers import Receivers
from notification_domain.redaction.redactor import Redactor
from notification_runtime.channel_factory import ChannelFactory
from notification_runtime.delivery.sessions import Sessions
from tests.unit.operator.channels.mail_server import PASSWORD, USERNAME
from tests.unit.operator.channels.receivers import KEY, NOW, ROUTING_KEY, SID, TOKEN, base
from tests.unit.operator.delivery.receiving import serving
from tests.unit.operator.domain.receivers.entries import receiver
from tests.unit.operator.endpoints.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import trustme

    from notification_domain.receivers.catalog import Receiver
    from tests.unit.operator.delivery.receiving import HttpServer

HERE = {"allowedNetworks": ["127.0.0.1/8"]}
NUMBER = "+15550100"


@dataclass(frozen=True, kw_only=True)
class Far:
    """One type of receiver over HTTP."""

    kind: str
    block: Callable[[str], dict[str, Any]]
    """The block of the spec, by the URL of the server."""
    secrets: Callable[[str], dict[str, str]]
    """The values of the Secret `s`."""
    channel: str
    """Its entry in the table of services, which knows what the service answers."""
    target: str = ""
    """The target, if it is that of a recipient."""
    shown: tuple[str, ...] = ()
    """What the request contains, in its headers or its body."""


def _url(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda _url: {name: {"name": "s", "key": "u"}} | HERE


FAR: dict[str, Far] = {
    "webhook": Far(
        kind="webhook",
        channel="webhook",
        block=lambda _url: {
            "url": None,
            "urlSecretRef": {"name": "s", "key": "u"},
            "signingSecretRefs": [{"name": "s", "key": "k"}],
            "headersSecretRef": {"name": "headers", "keys": ["X-Token"]},
            **HERE,
        },
        secrets=lambda url: {"u": f"{url}\n", "k": f"{KEY}\n"},
        shown=("webhook-signature", "header-secret"),
    ),
    "teams": Far(kind="teams", channel="teams", block=_url("urlSecretRef"), secrets=lambda url: {"u": url}),
    "pagerduty": Far(
        kind="pagerduty",
        channel="pagerduty",
        block=lambda url: {"routingKeySecretRef": {"name": "s", "key": "r"}, "baseUrl": url, **HERE},
        secrets=lambda _url: {"r": f" {ROUTING_KEY}\n"},
        shown=(f'"{ROUTING_KEY}"',),
    ),
    "sms": Far(
        kind="sms",
        channel="sms",
        block=lambda url: {"accountSid": SID, "baseUrl": url, "from": "+15550199", "to": [NUMBER], **HERE},
        secrets=lambda _url: {"username": "SK0123456789", "password": "sms-password"},
        target=NUMBER,
        shown=("Basic ", "To=%2B15550100", "From=%2B15550199"),
    ),
    "slack-bot": Far(
        kind="slack",
        channel="slack-bot",
        block=lambda url: {
            "webhookUrlSecretRef": None,
            "botTokenSecretRef": {"name": "s", "key": "t"},
            "channel": "C0123",
            "baseUrl": url,
            **HERE,
        },
        secrets=lambda _url: {"t": TOKEN},
        shown=(f"Bearer {TOKEN}", '"C0123"'),
    ),
    "slack-webhook": Far(
        kind="slack",
        channel="slack-webhook",
        block=_url("webhookUrlSecretRef"),
        secrets=lambda url: {"u": url},
    ),
    "discord": Far(
        kind="discord", channel="discord", block=_url("urlSecretRef"), secrets=lambda url: {"u": url}
    ),
    "mattermost": Far(
        kind="mattermost",
        channel="mattermost",
        block=lambda _url: {"urlSecretRef": {"name": "s", "key": "u"}, "channel": "town-square", **HERE},
        secrets=lambda url: {"u": url},
        shown=("town-square",),
    ),
}


def factory_of(sessions: Sessions, **egress: tuple[str, ...]) -> ChannelFactory:
    return ChannelFactory(
        sessions=sessions,
        clock=lambda: NOW,
        redactor=Redactor(),
        cluster="staging",
        egress=Receivers.model_validate(egress),
    )


@contextlib.asynccontextmanager
async def network(**egress: tuple[str, ...]) -> AsyncIterator[Callable[..., Stage]]:
    """Yield what makes a stage whose receivers send over the network."""
    sessions = Sessions()
    factory = factory_of(sessions, **egress)
    try:
        yield lambda *receivers: Stage(*receivers, factory=factory)
    finally:
        await sessions.close()


def far_receiver(far: Far, server: HttpServer, **fields: Any) -> Receiver:
    """Return the receiver; it trusts the authority in the Secret `ca`."""
    block = far.block(base(server))
    trust = {"tls": {"caSecretRef": {"name": "ca"}}}
    return receiver("r", far.kind, namespace="shop", block=block, **(trust | fields))


def put_secrets(stage: Stage, far: Far, server: HttpServer, authority: trustme.CA) -> None:
    stage.secrets.put("s", **far.secrets(server.url))
    stage.secrets.put("headers", **{"X-Token": "header-secret\n"})
    stage.secrets.put("ca", **{"ca.crt": authority.cert_pem.bytes().decode()})


def server_context(
    authority: trustme.CA, host: str = "127.0.0.1", *, client: trustme.CA | None = None
) -> ssl.SSLContext:
    """Return the context of a server; with `client` it accepts no connection without a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    if client is not None:
        client.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextlib.asynccontextmanager
async def secure_server(
    authority: trustme.CA, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[HttpServer]:
    async with serving(server_context(authority, host, **options)) as server:
        yield server


@dataclass
class Proxy:
    """A proxy that opens tunnels, and the heads of the requests that it got."""

    port: int = 0
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split(" ", 2)
        address = target if method == "CONNECT" else urlsplit(target).netloc
        host, _, port = address.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 connected\r\n\r\n")
        else:
            far_writer.write(head.encode())
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def proxying() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy


CREDENTIALS = {"username": USERNAME, "password": PASSWORD}
