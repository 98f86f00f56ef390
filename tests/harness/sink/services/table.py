"""The services by name. The name of a service is the type of the receiver that sends to it."""

from __future__ import annotations

from types import MappingProxyType

from tests.harness.sink.services import discord, generic, mattermost, pagerduty, slack, teams, twilio
from tests.harness.sink.services.service import Service

DISCORD_MESSAGE = "/api/webhooks/778899/{token}/messages/{message}"
SERVICES = MappingProxyType(
    {
        "webhook": Service(path="/webhook", answer=generic.webhook),
        "slack-webhook": Service(path="/services/T012/B345/{token}", answer=slack.webhook),
        "slack": Service(path="/api/chat.postMessage", answer=slack.post_message),
        "pagerduty": Service(path="/v2/enqueue", answer=pagerduty.enqueue),
        "sms": Service(path="/2010-04-01/Accounts/{sid}/Messages.json", answer=twilio.messages),
        "teams": Service(path="/workflows/abc/triggers/manual/paths/invoke", answer=teams.workflow),
        "discord": Service(path="/api/webhooks/778899/{token}", answer=discord.execute),
        "mattermost": Service(path="/hooks/{token}", answer=mattermost.hook),
    }
)
CHANGES = MappingProxyType(
    {
        "slack-update": Service(path="/api/chat.update", answer=slack.update),
        "discord-read": Service(path=DISCORD_MESSAGE, answer=discord.read, method="GET"),
        "discord-edit": Service(path=DISCORD_MESSAGE, answer=discord.edit, method="PATCH"),
    }
)
"""Further methods of these services, for messages that they have accepted."""
