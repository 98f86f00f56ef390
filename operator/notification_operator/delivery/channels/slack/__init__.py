"""Slack: incoming webhooks and the bot token."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notification_contract.kinds.channel_types.slack import Slack
    from notification_operator.delivery.channel import Channel


def create(block: Slack, *arguments: Any, **more: Any) -> Channel:  # noqa: ANN401 - those of both classes
    """Return the channel of a receiver, which has either a webhook or a token."""
    name, kind = ("bot", "SlackBotChannel")
    if block.webhook_url_secret_ref is not None:
        name, kind = ("receiver_webhook", "SlackWebhookChannel")
    channel: Channel = getattr(import_module(f"{__name__}.{name}"), kind)(block, *arguments, **more)
    return channel
