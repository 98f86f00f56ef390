"""What a channel type declares: its block in the spec of a receiver, and its facts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from notification_contract import bounds
from notification_contract.kinds.rules import RuledBlock
from notification_contract.kinds.secrets import SecretUse, secret_uses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Restricted:
    """Marks a field that only receivers in the operator's namespace may use."""


def _network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        known = False
    else:
        known = text.rpartition("/")[2].isdecimal() and "/" in text
    if not known:
        raise ValueError(f"{text!r} is not a network; write it like 10.1.0.0/16")
    return text


NO_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({})
UNUSED_BY_SHARED: Final = ("rateLimit", "tls", "proxySecretRef")
"""Fields of a spec that have no effect where a type uses the channel of the operator's settings."""

Url = Annotated[str, Field(max_length=2048)]
EmailAddress = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]
PhoneNumber = Annotated[str, Field(max_length=16, pattern=r"^\+[1-9][0-9]{4,14}$")]
Network = Annotated[str, Field(max_length=64, json_schema_extra={"format": "cidr"}), AfterValidator(_network)]
EmailAddresses = Annotated[tuple[EmailAddress, ...], Field(max_length=bounds.RECEIVER_RECIPIENTS)]
PhoneNumbers = Annotated[tuple[PhoneNumber, ...], Field(max_length=bounds.RECEIVER_RECIPIENTS)]
BaseUrl = Annotated[Url, Restricted()]
AllowedNetworks = Annotated[
    tuple[Network, ...],
    Field(
        max_length=16,
        description=(
            "Private networks that a connection may lead to, such as 10.1.0.0/16. Only in the operator's namespace."
        ),
    ),
    Restricted(),
]


class TypeBlock(RuledBlock):
    """The block of a channel type in the spec of a receiver."""

    restricted_as_a_whole: ClassVar[bool] = False
    """Whether only receivers in the operator's namespace may have the block."""

    def secrets(self, name: str) -> Iterator[SecretUse]:
        """Yield the values that the block reads from Secrets; `name` is that of the block."""
        return secret_uses(self, name)

    def restricted(self, name: str) -> Iterator[str]:
        """Yield the fields in use that only receivers in the operator's namespace may use; `name` is that of the block."""
        if self.restricted_as_a_whole:
            yield name
        for attribute, alias in self.restricted_fields():
            if getattr(self, attribute):
                yield f"{name}.{alias}"

    @classmethod
    def restricted_fields(cls) -> Iterator[tuple[str, str]]:
        """Yield attribute and name in the API of each field that is restricted."""
        for attribute, info in cls.model_fields.items():
            if any(isinstance(marker, Restricted) for marker in info.metadata):
                yield attribute, info.alias or attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelType:
    """A channel type: a type of receivers, and the channel that their targets begin with."""

    name: str
    title: str
    """The service, as a page about it is called."""
    credential: str = "none"
    """The credential that a user needs from the service, for the documentation."""
    page: str = ""
    """The page of the documentation; empty: the page of the name."""
    block: type[TypeBlock] | None = None
    """The block of the name in the spec; None: the type uses the channel of the operator's settings."""
    address: str = ""
    """The field of a notification's recipients that is an address of this type; empty: the type does not address people."""
    in_channels: bool = True
    """Whether `spec.channels` and routing documents can name the type, without a receiver."""
    other_kinds: tuple[str, ...] = ()
    """Further names of the type in routing documents, such as those of Alertmanager."""
    opens_incidents: bool = False
    """Whether a message opens an incident, which a person or a Resolve ends."""
    without_effect: tuple[str, ...] = ()
    """Fields of the spec that the type does not use, and therefore refuses."""
    defaults: Mapping[str, Any] = field(default_factory=lambda: NO_DEFAULTS)
    """The values of fields of the spec that a receiver of the type has where it does not set them, as in YAML."""

    @property
    def is_shared(self) -> bool:
        """Whether the type uses the channel of the operator's settings."""
        return self.block is None
