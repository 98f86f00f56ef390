"""Declares a setting of a stack by a setting of the operator or of the gateway: same default, bounds and description. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from pydantic import Field

from notification_contract.settings import OperatorSettings, Section, declared_settings
from notification_contract.settings import gateway as contract

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Sets:
    """Marks a setting of a stack as the source of the operator's settings at these dotted paths."""

    paths: tuple[str, ...]


@cache
def _declarations(section: type[Section]) -> dict[str, FieldInfo]:
    return {".".join(path): field for path, field in declared_settings(section)}


def operator_setting(path: str) -> Any:  # noqa: ANN401 - takes the place of a default, as pydantic's Field does
    """Declare a setting of a stack by the operator's setting at a dotted path: same default, bounds and description."""
    return _declared(_declarations(OperatorSettings)[path], Sets((path,)))


def gateway_setting(path: str, *marks: Sets) -> Any:  # noqa: ANN401 - likewise
    """Declare a setting of a stack by the gateway's setting at a dotted path in its section `gateway`; `marks` name the operator's."""
    return _declared(_declarations(contract.Gateway)[path], *marks)


def _declared(declared: FieldInfo, *marks: Sets) -> Any:  # noqa: ANN401 - likewise
    field = Field(default=_plain(declared.default), description=declared.description)
    field.metadata = [*declared.metadata, *marks]
    return field


def _plain(default: Any) -> Any:  # noqa: ANN401 - settings have values of any type
    """Return a default as a stack's types have it: a text for a path, a whole number without a fraction."""
    match default:
        case FilePath():
            return default.as_posix()
        case float() if default.is_integer():
            return int(default)
        case _:
            return default
