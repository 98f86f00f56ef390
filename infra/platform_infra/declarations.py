"""The settings as others want them declared: Pulumi.yaml's config block, and a table for people. Pure."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from platform_infra.settings import Settings, key_of, leaves

_TYPES: dict[type, str] = {bool: "boolean", int: "integer", str: "string"}


def config_block() -> dict[str, Any]:
    """Return the `config:` block of Pulumi.yaml, one entry a setting."""
    return {key_of(path): _entry(path) for path in leaves()}


def markdown_table() -> str:
    """Return every key with type, default and meaning as a Markdown table."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for path in leaves():
        entry = _entry(path)
        kind = entry["type"] + (f" of {entry['items']['type']}" if "items" in entry else "")
        rows.append(
            f"| `{key_of(path)}` | {kind} | `{json.dumps(entry['default'])}` | {entry['description']} |"
        )
    return "\n".join(rows) + "\n"


def _entry(path: tuple[str, ...]) -> dict[str, Any]:
    section: type[BaseModel] = Settings
    for name in path[:-1]:
        section = _section(section.model_fields[name].annotation)
    field = section.model_fields[path[-1]]
    default = section().model_dump(mode="json")[path[-1]]
    return _type_of(field.annotation) | {"default": default, "description": _meaning(field)}


def _section(annotation: object) -> type[BaseModel]:
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)
    return annotation


def _type_of(annotation: Any) -> dict[str, Any]:  # noqa: ANN401 - a type expression
    if get_origin(annotation) is Annotated:
        return _type_of(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        return {"type": "object"}
    if get_origin(annotation) is tuple:
        return {"type": "array", "items": _type_of(get_args(annotation)[0])}
    return {"type": "string" if issubclass(annotation, StrEnum) else _TYPES[annotation]}


def _meaning(field: Any) -> str:  # noqa: ANN401 - pydantic's field details
    text = str(field.description)
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return f"{text} One of {', '.join(field.annotation)}."
    return text
