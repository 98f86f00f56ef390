"""The channel type `mattermost`. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from notification_contract.kinds.channel_type import AllowedNetworks, ChannelType, TypeBlock
from notification_contract.kinds.secrets import DefaultKey, SecretRef


class Mattermost(TypeBlock):
    """An incoming webhook of Mattermost, which gets Markdown. For the type mattermost."""

    url_secret_ref: Annotated[SecretRef, DefaultKey("url")]
    """The URL of the webhook, in a Secret."""
    channel: Annotated[str, Field(max_length=256)] = ""
    """The channel to post to. If absent, the channel of the webhook."""
    username: Annotated[str, Field(max_length=256)] = ""
    """The sender's name. If absent, the name of the webhook."""
    mentions: bool = False
    """Whether mentions such as @channel reach people."""
    allowed_networks: AllowedNetworks = ()


MATTERMOST: Final = ChannelType(
    name="mattermost",
    title="Mattermost",
    credential="the URL of an incoming webhook",
    block=Mattermost,
)
