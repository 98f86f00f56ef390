"""What each channel sends for the notification of the pictures: the real channels, and a server that accepts everything."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import replace
from email.headerregistry import Address
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from notification_contract.kinds.channel_types.discord import Discord
from notification_contract.kinds.channel_types.mattermost import Mattermost
from notification_contract.kinds.channel_types.pagerduty import PagerDuty
from notification_contract.kinds.channel_types.slack import Slack
from notification_contract.kinds.channel_types.sms import Sms
from notification_contract.kinds.channel_types.teams import Teams
from notification_contract.kinds.secrets import SecretName, SecretRef
from notification_contract.settings import Log, LogFormat
from notification_domain.receivers.references import SecretValues
from notification_runtime.channel_factory import create_channel
from notification_runtime.channels.console import ConsoleChannel
from notification_runtime.channels.slack_webhook import SlackWebhookChannel
from notification_runtime.delivery.http.egress_guard import guarded_session
from notification_runtime.delivery.http.egress_policy import EgressPolicy
from notification_runtime.delivery.http.exchange import NetworkAccess
from notification_runtime.rendering.compose import Composer, Facts
from notification_runtime.rendering.mail import write_mail
from notification_runtime.telemetry import logging
from tools.pictures.samples import MESSAGE, NOW

if TYPE_CHECKING:
    import aiohttp

    from notification_contract.kinds.channel_type import TypeBlock
    from notification_runtime.delivery.channel import Channel

LOOPBACK: Final = EgressPolicy(insecure=True, allowed_networks=(ip_network("127.0.0.0/8"),))
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
STATUSES: Final = {"enqueue": 202, "Messages.json": 201}
ANSWER: Final = {"ok": True, "channel": "C0123", "ts": "1.1", "id": "1"}
"""What some of the services answer; the others read only the status."""


async def capture() -> dict[str, bytes]:
    """Return the body of each channel's first request, by the name of the channel."""
    sent = {"email": await _mail(), "console": await _console()}
    received: list[bytes] = []

    async def accept(request: web.Request) -> web.Response:
        received.append(await request.read())
        status = next((status for part, status in STATUSES.items() if part in request.path), 200)
        return web.json_response(ANSWER, status=status)

    application = web.Application()
    application.router.add_post("/{path:.*}", accept)
    async with TestServer(application) as server, guarded_session(LOOPBACK, connections=1) as session:

        async def get() -> aiohttp.ClientSession:
            return session

        access = NetworkAccess(session=get, policy=LOOPBACK, clock=lambda: NOW)
        for name, channel in _channels(str(server.make_url("")).rstrip("/"), access).items():
            await channel.deliver(replace(MESSAGE, address="+15550100"))
            await channel.close()
            sent[name] = received[0]
            received.clear()
    return sent


def _composer() -> Composer:
    return Composer(facts=Facts(cluster="prod", receiver="on-call"))


def _channels(url: str, access: NetworkAccess) -> dict[str, Channel]:
    def made(kind: str, block: TypeBlock, **values: str) -> Channel:
        secrets = SecretValues({name.replace("__", "/"): value for name, value in values.items()})
        return create_channel(kind, block, secrets, access=access, composer=_composer())

    ref, sender = SecretRef(name="any"), "+15550199"
    sms = Sms(account_sid="AC0123", auth_secret_ref=SecretName(name="any"), sender=sender, base_url=url)
    pagerduty = PagerDuty(routing_key_secret_ref=ref, base_url=url)
    slack = Slack(bot_token_secret_ref=ref, channel="C0123", base_url=url)
    return {
        "teams": made("teams", Teams(url_secret_ref=ref), urlSecretRef=url),
        "pagerduty": made("pagerduty", pagerduty, routingKeySecretRef="R" * 32),
        "sms": made("sms", sms, authSecretRef__username="SK0123456789"),
        "slack-settings": SlackWebhookChannel.of_settings(url, connections=1, clock=lambda: NOW),
        "slack": made("slack", slack, botTokenSecretRef="xoxb-not-a-token"),
        "discord": made("discord", Discord(url_secret_ref=ref), urlSecretRef=url),
        "mattermost": made("mattermost", Mattermost(url_secret_ref=ref), urlSecretRef=url),
    }


async def _mail() -> bytes:
    sender = Address(display_name="Notifications", addr_spec="notifications@example.com")
    to = "on-call@example.com"
    return (await write_mail(MESSAGE, sender=sender, address=to, date=NOW, composer=_composer())).content


async def _console() -> bytes:
    """Return the line of the log, with a time that never changes."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        logging.configure(Log(format=LogFormat.TEXT))
        await ConsoleChannel().deliver(MESSAGE)
    return TIME.sub(f"{NOW:%Y-%m-%dT%H:%M:%S.000000Z}", output.getvalue()).encode()
