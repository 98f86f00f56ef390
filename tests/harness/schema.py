"""A small validator of structural schemas: the keywords of the NotificationRequest's CRD, except CEL rules."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
SIZES = {"string": "Length", "array": "Items", "object": "Properties"}


def violations(schema: Mapping[str, Any], value: object, path: str = "") -> Iterator[str]:
    """Yield what a schema does not admit of a value, with the path of the field."""
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (kind in {"integer", "number"} and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {kind}"
        return
    if value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is not in the enum"
    yield from _bounds(schema, value, path, kind)
    if isinstance(value, str) and schema.get("format") == "date-time":
        datetime.fromisoformat(value)
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from violations(schema["items"], entry, f"{path}[{index}]")
    if isinstance(value, dict):
        yield from _members(schema, value, path)


def _members(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name} is missing"
    for name, field in schema.get("properties", {}).items():
        if name in value:
            yield from violations(field, value[name], f"{path}.{name}")


def _bounds(schema: Mapping[str, Any], value: Any, path: str, kind: str) -> Iterator[str]:
    size = len(value) if kind in SIZES else value
    low, high = (
        schema.get(f"{word}{SIZES[kind]}" if kind in SIZES else f"{word}imum") for word in ("min", "max")
    )
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{path}: {size!r} is not within {low} and {high}"
