"""Validates an object against the structural schema of its CRD, as the API server does; CEL rules are not evaluated.

Only the keywords of `KEYWORDS` are understood; a test compares them with those that the CRD uses.
"""

from __future__ import annotations

import re
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any, Final

import yaml

from notification_cli.views.lint.metadata import metadata_problems
from notification_contract import names
from notification_domain.json_values import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES: Final = 3 * 1024 * 1024
"""The API server's own limit for a request."""
KEYWORDS: Final = frozenset(
    {
        *("type", "enum", "required", "properties", "additionalProperties", "items", "nullable", "format"),
        *("minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems"),
        *("minProperties", "maxProperties", "description", "default"),
        *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
        *("x-kubernetes-validations", "x-kubernetes-map-type"),
    }
)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    re.IGNORECASE,
)
"""RFC 3339: `fromisoformat` also reads a date alone, and a time without an offset."""
_SIZES: Final[Mapping[type, tuple[str, str, str]]] = {
    str: ("minLength", "maxLength", "characters"),
    list: ("minItems", "maxItems", "items"),
    dict: ("minProperties", "maxProperties", "entries"),
}


def object_problems(obj: Mapping[str, Any], definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems of an object by the schema of its CRD, and by the rules for metadata."""
    if obj.get("apiVersion") != names.API_VERSION:
        yield f"apiVersion: unsupported value {obj.get('apiVersion')!r}; use {names.API_VERSION}"
        return
    version = next(each for each in definition["spec"]["versions"] if each["name"] == names.VERSION)
    if len(yaml.safe_dump(dict(obj))) > MAX_BYTES:
        yield f"the object has more than {MAX_BYTES} bytes; the API server refuses it"
    # The API server checks the metadata by rules of its own.
    whole = {key: value for key, value in obj.items() if key != "metadata"}
    yield from problems(whole, version["schema"]["openAPIV3Schema"], "")
    yield from metadata_problems(obj.get("metadata"))


def problems(value: object, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield what is wrong with a value, one line for each problem, with its path."""
    if value is None:
        # The API server drops a null where the field has a default.
        if not schema.get("nullable") and "default" not in schema:
            yield f"{path}: must not be null; remove the field or give it a value"
        return
    kind = schema.get("type")
    if kind is not None and not _is_a(value, kind):
        yield f"{path}: must be {_article(kind)} (got {shown(value)}{_quotes(value, kind)})"
        return
    yield from _limits(value, schema, path)
    if isinstance(value, dict):
        yield from _object(value, schema, path)
    elif isinstance(value, list):
        yield from _array(value, schema, path)


def _is_a(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))


def _article(kind: str) -> str:
    return {"object": "a mapping", "array": "a list", "integer": "an integer"}.get(kind, f"a {kind}")


def _quotes(value: object, kind: str) -> str:
    return "; put it in quotes" if kind == "string" and not isinstance(value, dict | list) else ""


def _limits(value: object, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: unsupported value {shown(value)}; the values are {', '.join(map(str, schema['enum']))}"
    if isinstance(value, int | float):
        if "minimum" in schema and value < schema["minimum"]:
            yield f"{path}: must be at least {schema['minimum']} (got {value})"
        if "maximum" in schema and value > schema["maximum"]:
            yield f"{path}: must be at most {schema['maximum']} (got {value})"
    if isinstance(value, str):
        yield from _text(value, schema, path)
    if isinstance(value, str | list | dict):
        yield from _size(value, schema, path)


def _size(value: str | list[Any] | dict[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    few, many, unit = _SIZES[type(value)]
    if len(value) < schema.get(few, 0):
        yield f"{path}: must have at least {schema[few]} {unit} (got {len(value)})"
    if len(value) > schema.get(many, len(value)):
        yield f"{path}: must have at most {schema[many]} {unit} (got {len(value)})"


def _text(value: str, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if schema.get("format") == "date-time":
        if not (_TIME.fullmatch(value) and moment(value)):
            yield f"{path}: must be a time such as 2026-01-31T12:00:00Z (got {shown(value)})"
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: must match {schema['pattern']} (got {shown(value)})"


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    known = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value and "default" not in known.get(name, {}):
            yield f"{_join(path, name)}: missing; it is required"
    more = schema.get("additionalProperties")
    for name, each in value.items():
        if name in known:
            yield from problems(each, known[name], _join(path, name))
        elif isinstance(more, dict):
            yield from problems(each, more, _join(path, str(name)))
        elif known and not schema.get("x-kubernetes-preserve-unknown-fields"):
            fields = ", ".join(known)
            yield f"{_join(path, str(name))}: unknown field, which the API server drops; the fields are {fields}"


def _array(value: list[Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for index, each in enumerate(value):
        yield from problems(each, schema.get("items") or {}, f"{path}[{index}]")
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    seen: set[tuple[str, ...]] = set()
    for index, each in enumerate(value if keys else ()):
        key = tuple(repr(each.get(name)) for name in keys) if isinstance(each, dict) else (repr(each),)
        if key in seen:
            yield f"{path}[{index}]: duplicate entry; {', '.join(keys)} must be unique"
        seen.add(key)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
