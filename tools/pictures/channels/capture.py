"""What each channel sends for the notification of the pictures: the real channels, and a server that accepts everything."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import io
import json
import re
import time
from dataclasses import dataclass, field, replace
from email.headerregistry import Address
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from aiohttp import web

from notification_contract.kinds.channel_types.discord import Discord
from notification_contract.kinds.channel_types.mattermost import Mattermost
from notification_contract.kinds.channel_types.pagerduty import PagerDuty
from notification_contract.kinds.channel_types.slack import Slack
from notification_contract.kinds.channel_types.sms import Sms
from notification_contract.kinds.channel_types.teams import Teams
from notification_contract.kinds.secrets import SecretName, SecretRef
from notification_contract.settings import Log, LogFormat
from notification_operator.delivery.channels.console import ConsoleChannel
from notification_operator.delivery.channels.slack.webhook import SlackWebhookChannel
from notification_operator.delivery.http.egress_guard import guarded_session
from notification_operator.delivery.http.egress_policy import EgressPolicy
from notification_operator.delivery.http.exchange import NetworkAccess
from notification_operator.delivery.receivers.factory import create_channel
from notification_operator.delivery.rendering.compose import Composer, Facts
from notification_operator.delivery.rendering.mail import write_mail
from notification_operator.domain.receivers.references import SecretValues
from notification_operator.telemetry import logging
from tools.pictures.channels.sample import MESSAGE, NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from email.message import EmailMessage

    from notification_contract.kinds.channel_type import TypeBlock
    from notification_operator.delivery.channel import Channel

LOOPBACK: Final = EgressPolicy(insecure=True, allowed_networks=(ip_network("127.0.0.0/8"),))
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
NUMBER: Final = "+15550100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The first request of a channel."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:  # noqa: ANN401 - a payload of any service
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode()).items()}

    @property
    def mail(self) -> EmailMessage:
        return email.message_from_bytes(self.body, policy=email.policy.default)


async def capture() -> dict[str, Sent]:
    """Return what each channel sends, by the name of the channel."""
    sent = {"email": await _mail(), "console": await _console()}
    async with _server() as (url, received):
        session = guarded_session(LOOPBACK, connections=1)
        async with session:
            access = NetworkAccess(session=session, policy=LOOPBACK, clock=lambda: NOW)
            for name, channel in _channels(url, access).items():
                await channel.deliver(replace(MESSAGE, address=NUMBER))
                await channel.close()
                sent[name] = received[0]
                received.clear()
    return sent


def _composer() -> Composer:
    return Composer(facts=Facts(cluster="prod", receiver="on-call"), clock=time.thread_time)


def _channels(url: str, access: NetworkAccess) -> dict[str, Channel]:
    def made(kind: str, block: TypeBlock, **values: str) -> Channel:
        secrets = SecretValues({name.replace("__", "/"): value for name, value in values.items()})
        return create_channel(kind, block, secrets, access=access, composer=_composer())

    ref, number = SecretRef(name="any"), "+15550199"
    sms = Sms(account_sid="AC0123", auth_secret_ref=SecretName(name="any"), sender=number, base_url=url)
    return {
        "teams": made("teams", Teams(url_secret_ref=ref), urlSecretRef=url),
        "pagerduty": made(
            "pagerduty",
            PagerDuty(routing_key_secret_ref=ref, base_url=url),
            routingKeySecretRef="R" * 32,
        ),
        "sms": made("sms", sms, authSecretRef__username="SK0123456789"),
        "slack-settings": SlackWebhookChannel.of_settings(url, connections=1, clock=lambda: NOW),
        "slack": made(
            "slack",
            Slack(bot_token_secret_ref=ref, channel="C0123", base_url=url),
            botTokenSecretRef="xoxb-not-a-token",
        ),
        "discord": made("discord", Discord(url_secret_ref=ref), urlSecretRef=url),
        "mattermost": made("mattermost", Mattermost(url_secret_ref=ref), urlSecretRef=url),
    }


async def _mail() -> Sent:
    mail = await write_mail(
        MESSAGE,
        sender=Address(display_name="Notifications", addr_spec="notifications@example.com"),
        address="on-call@example.com",
        date=NOW,
        composer=_composer(),
    )
    return Sent(body=mail.content)


async def _console() -> Sent:
    """Return the line of the log, with a time that never changes."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        logging.configure(Log(format=LogFormat.TEXT))
        await ConsoleChannel().deliver(MESSAGE)
    return Sent(body=TIME.sub(f"{NOW:%Y-%m-%dT%H:%M:%S.000000Z}", output.getvalue()).encode())


@contextlib.asynccontextmanager
async def _server() -> AsyncIterator[tuple[str, list[Sent]]]:
    """Serve what accepts every request, in the words of whichever service it is for."""
    received: list[Sent] = []

    async def accept(request: web.Request) -> web.Response:
        received.append(Sent(body=await request.read(), headers=dict(request.headers)))
        status = next((status for part, status in STATUSES.items() if part in request.path), 200)
        return web.json_response({"ok": True, "channel": "C0123", "ts": "1.1", "id": "1"}, status=status)

    application = web.Application()
    application.router.add_post("/{path:.*}", accept)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}", received
    finally:
        await asyncio.shield(runner.cleanup())


STATUSES: Final = {"enqueue": 202, "Messages.json": 201}
