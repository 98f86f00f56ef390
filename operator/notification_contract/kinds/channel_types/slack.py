"""The channel type `slack`. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from notification_contract.kinds.channel_type import AllowedNetworks, BaseUrl, ChannelType, TypeBlock
from notification_contract.kinds.choices import OnResolve
from notification_contract.kinds.rules import exactly_one, filled, only_together, present
from notification_contract.kinds.secrets import DefaultKey, SecretRef


class Slack(TypeBlock):
    """Slack, through an incoming webhook or with a bot token. For the type slack."""

    webhook_url_secret_ref: Annotated[SecretRef | None, DefaultKey("url")] = None
    """The URL of an incoming webhook, in a Secret."""
    bot_token_secret_ref: Annotated[SecretRef | None, DefaultKey("token")] = None
    """A bot token, in a Secret. It requires channel."""
    channel: Annotated[str, Field(max_length=256)] = ""
    """The channel that the bot posts to, by id or name."""
    mentions: bool = False
    """Whether mentions such as @channel reach people."""
    on_resolve: OnResolve = OnResolve.UPDATE_AND_REPLY
    """The effect of a Resolve, with a bot token. UpdateAndReply: it updates the first message of the incident, and replies in its thread. Reply: it replies in the thread. None: it is a message outside the thread."""
    base_url: BaseUrl = ""
    """The URL of the API. If absent, Slack's. Only in the operator's namespace."""
    allowed_networks: AllowedNetworks = ()

    rules = (
        exactly_one("slack", present("webhook_url_secret_ref"), present("bot_token_secret_ref")),
        only_together("slack", filled("channel"), present("bot_token_secret_ref")),
    )


SLACK: Final = ChannelType(
    name="slack",
    title="Slack",
    credential="the URL of an incoming webhook, or a bot token",
    block=Slack,
)
