"""The channel type `discord`. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from notification_contract.kinds.channel_type import AllowedNetworks, ChannelType, TypeBlock
from notification_contract.kinds.secrets import DefaultKey, SecretRef


class Discord(TypeBlock):
    """A webhook of Discord, which gets embeds. For the type discord."""

    url_secret_ref: Annotated[SecretRef, DefaultKey("url")]
    """The URL of the webhook, in a Secret."""
    mentions: bool = False
    """Whether mentions such as @everyone reach people."""
    allowed_networks: AllowedNetworks = ()


DISCORD: Final = ChannelType(
    name="discord",
    title="Discord",
    credential="the URL of a webhook",
    block=Discord,
)
