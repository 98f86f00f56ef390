"""What every block of a NotificationReceiver consists of: texts, references to Secrets, and what it answers. Pure."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from collections.abc import Iterator

Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=1024)]
Url = Annotated[str, Field(max_length=2048)]
EmailAddress = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]
PhoneNumber = Annotated[str, Field(max_length=16, pattern=r"^\+[1-9][0-9]{4,14}$")]


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


Network = Annotated[str, Field(max_length=64, json_schema_extra={"format": "cidr"}), AfterValidator(_network)]


class Block(BaseModel):
    """A part of a spec. It rejects unknown keys and is immutable; keys are in camel case."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class SecretRef(Block):
    """A key of a Secret in the receiver's namespace."""

    name: Name
    key: Annotated[str, Field(max_length=253)] = ""
    """The key; empty: the usual one of the field."""


class SecretName(Block):
    """A Secret in the receiver's namespace."""

    name: Name


class SecretUse(BaseModel):
    """One value that a receiver reads from a Secret."""

    model_config = ConfigDict(frozen=True)

    field: str
    """The field of the spec, as a path such as `webhook.urlSecretRef`."""
    name: str
    """The name of the Secret."""
    key: str | None
    """The key of the value; None: all keys of the Secret together."""


def use(field: str, ref: SecretRef, default: str) -> SecretUse:
    """Return the use of a reference, with the default key of its field."""
    return SecretUse(field=field, name=ref.name, key=ref.key or default)


class TypeBlock(Block):
    """What every block answers."""

    def secret_uses(self) -> Iterator[SecretUse]:
        """Yield the values that the block reads from Secrets."""
        yield from ()

    def restricted_fields(self) -> Iterator[str]:
        """Yield the fields in use that only receivers in the operator's namespace may have."""
        yield from ()


def credentials(block: str, ref: SecretName) -> Iterator[SecretUse]:
    """Yield the two keys of a Secret with credentials."""
    for key in ("username", "password"):
        yield SecretUse(field=f"{block}.authSecretRef", name=ref.name, key=key)


def elsewhere(block: str, base_url: str, allowed_networks: tuple[str, ...]) -> Iterator[str]:
    """Yield the fields that lead elsewhere than to the service."""
    if base_url:
        yield f"{block}.baseUrl"
    if allowed_networks:
        yield f"{block}.allowedNetworks"
