"""Validates objects against the CRD's structural schema without an API server: defaults, pruning, types, bounds.

It knows the keywords that the CRD uses, and refuses others: a new one has to be added here. CEL rules are left to the
API server.
"""

from __future__ import annotations

import copy
import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from notification_contract.crds import notification_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Schema = dict[str, Any]
IGNORED: Final = frozenset(
    {"description", "default", "x-kubernetes-validations", "x-kubernetes-preserve-unknown-fields"}
)
TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
BITS: Final = {"int32": 31, "int64": 63}


@cache
def definition() -> Schema:
    """Return the schema of the stored version."""
    (version,) = (each for each in notification_request()["spec"]["versions"] if each["storage"])
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def stored(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as the API server stores it: unknown fields pruned, defaults added."""
    result = _stored(definition(), copy.deepcopy(dict(obj)))
    result["metadata"] = obj["metadata"]
    return dict(result)


def problems(obj: Any, schema: Schema | None = None, path: str = "") -> Iterator[str]:
    """Yield the violations of the schema, each with its path."""
    schema = definition() if schema is None else schema
    kind = schema.get("type")
    if kind is not None and not _is(obj, kind):
        yield f"{path or '.'}: is no {kind}: {obj!r:.80}"
        return
    for keyword, value in schema.items():
        if keyword in CHECKS:
            yield from (f"{path or '.'}: {problem}" for problem in CHECKS[keyword](obj, value))
        elif keyword not in IGNORED | STRUCTURE:
            raise NotImplementedError(f"{path}: the schema has the unknown keyword {keyword}")
    yield from _inner(obj, schema, path)


def _inner(obj: Any, schema: Schema, path: str) -> Iterator[str]:
    if isinstance(obj, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, value in obj.items():
            if name in properties:
                yield from problems(value, properties[name], f"{path}.{name}")
            elif isinstance(others, dict):
                yield from problems(value, others, f"{path}.{name}")
    elif isinstance(obj, list) and "items" in schema:
        for index, value in enumerate(obj):
            yield from problems(value, schema["items"], f"{path}[{index}]")
        yield from _same_keys(obj, schema, path)


def _same_keys(items: list[Any], schema: Schema, path: str) -> Iterator[str]:
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys:
        values = [tuple(item.get(key) for key in keys) for item in items if isinstance(item, dict)]
        if len(set(values)) < len(values):
            yield f"{path}: has two items with the same {' and '.join(keys)}"


def _is(obj: Any, kind: str) -> bool:
    if isinstance(obj, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(obj, float):
        return obj.is_integer()
    return isinstance(obj, TYPES[kind])


def _required(obj: Any, names: list[str]) -> Iterator[str]:
    yield from (f"lacks {name}" for name in names if name not in obj)


def _format(obj: Any, name: str) -> Iterator[str]:
    if name in BITS:
        if not -(2 ** BITS[name]) <= obj < 2 ** BITS[name]:
            yield f"is beyond {name}"
    elif name == "date-time":
        try:
            aware = datetime.fromisoformat(obj).tzinfo
        except ValueError:
            aware = None
        if aware is None:
            yield f"is no date-time: {obj!r:.80}"
    else:
        raise NotImplementedError(f"the schema has the unknown format {name}")


def _bound(text: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Iterator[str]]:
    def check(obj: Any, limit: Any) -> Iterator[str]:
        if not holds(obj, limit):
            yield f"{text} {limit}"

    return check


CHECKS: Final[Mapping[str, Callable[[Any, Any], Iterator[str]]]] = {
    "required": _required,
    "format": _format,
    "pattern": _bound("does not match", lambda obj, pattern: bool(re.search(pattern, obj))),
    "enum": _bound("is none of", lambda obj, allowed: obj in allowed),
    "minimum": _bound("is less than", lambda obj, limit: obj >= limit),
    "maximum": _bound("is more than", lambda obj, limit: obj <= limit),
    "minLength": _bound("is shorter than", lambda obj, limit: len(obj) >= limit),
    "maxLength": _bound("is longer than", lambda obj, limit: len(obj) <= limit),
    "minItems": _bound("has fewer items than", lambda obj, limit: len(obj) >= limit),
    "maxItems": _bound("has more items than", lambda obj, limit: len(obj) <= limit),
    "maxProperties": _bound("has more properties than", lambda obj, limit: len(obj) <= limit),
}
STRUCTURE: Final = frozenset(
    {
        "type",
        "properties",
        "additionalProperties",
        "items",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
    }
)


def _stored(schema: Schema, value: Any) -> Any:
    """Prune and default a value in place, and return it; a null counts as absent."""
    if isinstance(value, dict) and schema.get("type") == "object":
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        open_ended = others or schema.get("x-kubernetes-preserve-unknown-fields")
        for name in [name for name in value if name not in properties and not open_ended]:
            del value[name]
        for name, inner in properties.items():
            if name in value and value[name] is None:
                del value[name]
            if "default" in inner:
                value.setdefault(name, copy.deepcopy(inner["default"]))
            if name in value:
                value[name] = _stored(inner, value[name])
        if isinstance(others, dict):
            for name in value.keys() - properties.keys():
                value[name] = _stored(others, value[name])
    elif isinstance(value, list) and "items" in schema:
        value[:] = [_stored(schema["items"], item) for item in value]
    return value
