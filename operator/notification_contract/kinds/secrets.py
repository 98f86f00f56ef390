"""References to Secrets, as fields of a receiver's spec, and the values that they stand for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from notification_contract import names
from notification_contract.kinds.block import Block, Name

if TYPE_CHECKING:
    from collections.abc import Iterator

GRANT: Final = f"{names.SECRET_LABEL}=true"
"""The label by which the owner of a Secret lets receivers use it: a label selector, and an argument of `kubectl label` (DD-SECRET-001)."""
SECRET_TYPES: Final = ("Opaque", "kubernetes.io/basic-auth", "kubernetes.io/tls")
"""The types of Secrets that receivers may use: no tokens of service accounts, no credentials of registries, no releases of Helm."""


def grant_command(namespace: str, name: str) -> str:
    """Return the command by which the owner of a Secret lets receivers use it."""
    return f"kubectl -n {namespace} label secret {name} {GRANT}"


class SecretRef(Block):
    """A value of a Secret in the namespace of the receiver."""

    name: Name
    """The name of the Secret."""
    key: Annotated[str, Field(max_length=253)] = ""
    """The key of the value in the Secret."""


class SecretName(Block):
    """A Secret in the namespace of the receiver."""

    name: Name
    """The name of the Secret."""


class SecretKeys(SecretName):
    """Some values of a Secret in the namespace of the receiver."""

    keys: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(min_length=1, max_length=16)
    ]
    """The keys of the values in the Secret; 1 to 16."""


@dataclass(frozen=True, slots=True)
class DefaultKey:
    """The key that a SecretRef means if it names none, as an annotation of the field."""

    key: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that are read from the Secret that a field names; empty if the field lists them itself."""

    keys: tuple[str, ...] = ()


CREDENTIALS = Keys(("username", "password"))


class SecretUse(BaseModel):
    """One value that a receiver reads from a Secret."""

    model_config = ConfigDict(frozen=True)

    field: str
    """The field of the spec, as a path such as `webhook.urlSecretRef`."""
    name: str
    """The name of the Secret."""
    key: str
    """The key of the value."""


def secret_uses(block: Block, path: str = "") -> Iterator[SecretUse]:
    """Yield the values that the fields of a block read from Secrets, in the order of the fields.

    Args:
        block: the block.
        path: its path in the spec; empty for the spec itself.
    """
    for attribute, alias, marker in _references(type(block)):
        value = getattr(block, attribute)
        field = f"{path}.{alias}" if path else alias
        if isinstance(value, SecretRef):
            yield _use(field, value, marker)
        elif isinstance(value, SecretKeys):
            for key in value.keys:
                yield SecretUse(field=field, name=value.name, key=key)
        elif isinstance(value, SecretName):
            for key in marker.keys if isinstance(marker, Keys) else ():
                yield SecretUse(field=field, name=value.name, key=key)
        elif isinstance(value, tuple):
            for index, each in enumerate(value):
                yield _use(f"{field}[{index}]", each, marker)


def _use(field: str, ref: SecretRef, marker: DefaultKey | Keys) -> SecretUse:
    default = marker.key if isinstance(marker, DefaultKey) else ""
    return SecretUse(field=field, name=ref.name, key=ref.key or default)


@cache
def _references(model: type[Block]) -> tuple[tuple[str, str, DefaultKey | Keys], ...]:
    """Return attribute, name in the API and annotation of the fields of a model that refer to Secrets."""
    return tuple(
        (attribute, field.alias or attribute, marker)
        for attribute, field in model.model_fields.items()
        for marker in field.metadata
        if isinstance(marker, DefaultKey | Keys)
    )
