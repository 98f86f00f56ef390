"""The answer of a command: text, or one JSON document with stable keys, alone on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"

    @property
    def is_json(self) -> bool:
        return self is Form.JSON


Output = Annotated[
    Form,
    typer.Option(
        "--output",
        "-o",
        help="Form of the answer; `json` is one document in one line, and progress goes to standard error.",
    ),
]


def write_document(answer: Any) -> None:  # noqa: ANN401 - a dataclass or a mapping
    """Write an answer as JSON in one line, as variables of CI systems need it; the keys of a dataclass are its fields in camelCase."""
    typer.echo(json.dumps(plain(answer), separators=(",", ":"), ensure_ascii=False))


def plain(value: Any) -> Any:  # noqa: ANN401 - any part of an answer
    """Return a value as JSON has it: times in UTC, dataclasses and mappings as objects."""
    match value:
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    if is_dataclass(value):
        return {_camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(map(str.capitalize, more))
