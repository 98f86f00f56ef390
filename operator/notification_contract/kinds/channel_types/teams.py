"""The channel type `teams`. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from notification_contract.kinds.channel_type import AllowedNetworks, ChannelType, TypeBlock
from notification_contract.kinds.secrets import DefaultKey, SecretRef


class Teams(TypeBlock):
    """A workflow of Microsoft Teams, which gets Adaptive Cards. For the type teams."""

    url_secret_ref: Annotated[SecretRef, DefaultKey("url")]
    """The URL of the workflow, in a Secret."""
    allowed_networks: AllowedNetworks = ()


TEAMS: Final = ChannelType(
    name="teams",
    title="Microsoft Teams",
    credential="the URL of a workflow",
    block=Teams,
    other_kinds=("msteams",),
)
