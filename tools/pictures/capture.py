"""What each channel sends for the notification of the pictures: the real channels, and a server that accepts everything."""

from __future__ import annotations

import contextlib
import io
import re
import time
from email.headerregistry import Address
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from notification_contract.settings import Log, LogFormat
from notification_operator.delivery.channel import close
from notification_operator.delivery.channels import discord, mattermost, pagerduty, sms, teams
from notification_operator.delivery.channels.console import ConsoleChannel
from notification_operator.delivery.channels.slack import bot, webhook
from notification_operator.delivery.http.egress_guard import guarded_session
from notification_operator.delivery.http.egress_policy import EgressPolicy
from notification_operator.delivery.http.exchange import HttpAccess
from notification_operator.delivery.rendering.compose import Composer, Facts
from notification_operator.delivery.rendering.mail import write_mail
from notification_operator.telemetry import logging
from tools.pictures.samples import MESSAGE, NOW

if TYPE_CHECKING:
    from notification_operator.delivery.channel import Channel

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
        access = HttpAccess(session=session, policy=LOOPBACK, clock=lambda: NOW)
        for name, channel in _channels(str(server.make_url("")).rstrip("/"), access).items():
            await channel.deliver(MESSAGE)
            await close(channel)
            sent[name] = received[0]
            received.clear()
    return sent


def _composer() -> Composer:
    return Composer(facts=Facts(cluster="prod", receiver="on-call"), clock=time.thread_time)


def _channels(url: str, access: HttpAccess) -> dict[str, Channel]:
    common: dict[str, Any] = {"access": access, "composer": _composer()}
    number, token = "+15550100", "xoxb-not-a-token"
    sms_options = sms.SmsOptions(account_sid="AC0123", to=number, sender="+15550199", base_url=url)
    sms_secrets = sms.SmsSecrets(username="SK0123456789", password=token)
    bot_options, bot_secrets = (
        bot.SlackBotOptions(channel="C0123", base_url=url),
        bot.SlackBotSecrets(token=token),
    )
    key = pagerduty.PagerDutySecrets(routing_key="R" * 32)
    return {
        "teams": teams.TeamsChannel(teams.TeamsSecrets(url=url), **common),
        "pagerduty": pagerduty.PagerDutyChannel(pagerduty.PagerDutyOptions(base_url=url), key, **common),
        "sms": sms.SmsChannel(sms_options, sms_secrets, **common),
        "slack-settings": webhook.SlackChannel(url, connections=1, clock=lambda: NOW),
        "slack": bot.SlackBotChannel(bot_options, bot_secrets, **common),
        "discord": discord.DiscordChannel(discord.DiscordSecrets(url=url), **common),
        "mattermost": mattermost.MattermostChannel(
            mattermost.MattermostOptions(), mattermost.MattermostSecrets(url=url), **common
        ),
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
