"""The channel type `email`. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from notification_contract.kinds.channel_type import (
    AllowedNetworks,
    ChannelType,
    EmailAddress,
    EmailAddresses,
    TypeBlock,
)
from notification_contract.kinds.secrets import CREDENTIALS, SecretName


class Security(StrEnum):
    """How a connection to a mail server is encrypted."""

    STARTTLS = "StartTLS"
    TLS = "TLS"
    NONE = "None"


class Email(TypeBlock):
    """E-mail through an SMTP server. For the type email."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    """The host name of the SMTP server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """The port of the SMTP server."""
    security: Security = Security.STARTTLS
    """How the connection is encrypted. StartTLS and TLS never fall back to an unencrypted connection."""
    sender: EmailAddress = Field(alias="from")
    """The sender's address."""
    to: EmailAddresses = ()
    """The recipients of every notification; at most 20."""
    auth_secret_ref: Annotated[SecretName | None, CREDENTIALS] = None
    """A Secret with the keys username and password."""
    allowed_networks: AllowedNetworks = ()


EMAIL: Final = ChannelType(
    name="email",
    title="e-mail",
    credential="user name and password of an SMTP server",
    block=Email,
    address="email",
    without_effect=("proxySecretRef",),
)
