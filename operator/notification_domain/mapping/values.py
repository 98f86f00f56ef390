"""Values of a payload: where dotted paths such as `data.severity` or `commits.0.author.name` lead, and how they are shown."""

from __future__ import annotations

import json
from typing import Any, Final

MAX_INDENTED: Final = 16_384
"""Characters of JSON that is shown with a line for each value: nested lists become many times longer."""

MAX_EXCERPT: Final = 60


def text_at(payload: Any, path: str) -> str:  # noqa: ANN401 - any JSON
    """Return the text, number or truth value at a path as a text; empty for anything else, and where there is nothing."""
    value = payload
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif (
            isinstance(value, list)
            and part.isdecimal()
            and part.isascii()
            and len(part) <= len(str(len(value)))
        ):
            index = int(part)
            value = value[index] if index < len(value) else None
        else:
            return ""
    return scalar(value)


def scalar(value: object) -> str:
    """Return a text, number or truth value as JSON shows it, a text without its quotes; empty for anything else."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else ""


def name_at(path: str) -> str:
    """Return the last part of a path: the name of the label."""
    return path.rpartition(".")[2]


def shown(value: object) -> str:
    """Return a value for a person: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) > MAX_INDENTED else json.dumps(value, ensure_ascii=False, indent=2)


def excerpt(value: object) -> str:
    """Return a few characters of a value, for the text of an error."""
    if value is None:
        return "absent"
    text = json.dumps(value)
    return text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT]}…"
