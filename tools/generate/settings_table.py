"""The operator's settings as a Markdown table, from the model that validates them."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from notification_contract.settings import since
from notification_contract.settings.version import FIRST
from notification_operator.config.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def table() -> str:
    """Return one row per setting: key in the file, variable, default, allowed values, description."""
    head = [
        "| key in the file | variable | default | allowed values | description |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(path, field) for path, field in settings())])


def settings(
    model: type[BaseModel] = Settings, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield each setting with its path, in order of declaration."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from settings(type(field.default), (*path, name))
        else:
            yield (*path, name), field


def _row(path: tuple[str, ...], field: FieldInfo) -> str:
    variable = ENV_PREFIX + "__".join(path).upper()
    cells = (
        f"`{'.'.join(path)}`",
        f"`{variable}`",
        _default(field.default),
        _allowed(field),
        _description(path, field),
    )
    return f"| {' | '.join(cells)} |"


def _description(path: tuple[str, ...], field: FieldInfo) -> str:
    version = since(path)
    return f"{field.description} Since version {version}." if version > FIRST else str(field.description)


def _default(value: Any) -> str:  # noqa: ANN401 - a setting's value has any type
    if value is None:
        return "none"
    return f"`{json.dumps(value) if isinstance(value, bool | tuple | dict) else value}`"


def _allowed(field: FieldInfo) -> str:
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return ", ".join(f"`{value}`" for value in field.annotation)
    words = [
        word for part in get_args(field.annotation) if get_origin(part) is Literal for word in get_args(part)
    ]
    if words:
        return ", ".join(f"`{value}`" for value in ("true", "false", *words))
    limits = [
        f"{sign} {getattr(part, name)}"
        for part in field.metadata
        for name, sign in SIGNS.items()
        if hasattr(part, name)
    ]
    return ", ".join(limits) or "any"
