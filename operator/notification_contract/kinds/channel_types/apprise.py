"""The channel type `apprise`. Pure."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from notification_contract.kinds.channel_type import ChannelType, TypeBlock
from notification_contract.kinds.secrets import DefaultKey, SecretRef


class Apprise(TypeBlock):
    """A service that the library Apprise knows. For the type apprise. Only in the operator's namespace, because its connections cannot be restricted."""

    restricted_as_a_whole: ClassVar[bool] = True

    url_secret_ref: Annotated[SecretRef, DefaultKey("url")]
    """The Apprise URL of the service, in a Secret."""


APPRISE: Final = ChannelType(
    name="apprise",
    title="Apprise",
    credential="the Apprise URL of a service",
    block=Apprise,
    in_channels=False,
    without_effect=("tls", "proxySecretRef"),
)
