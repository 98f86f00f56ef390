"""The answer of a command: text, or one JSON document with stable keys, alone on standard output."""

from __future__ import annotations

import json
from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any

import typer

from notification_cli.views import plain as views


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
    """Return a value as JSON has it, with times in UTC and whole seconds."""
    return views.plain(value, time=lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
