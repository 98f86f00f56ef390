"""The structural schema of a model of the API, as a CRD has it."""

from __future__ import annotations

import types
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from notification_contract.kinds.block import Always, MapKeys
from notification_contract.kinds.rules import ApiRule
from notification_contract.kinds.secrets import DefaultKey
from tools.generate.crd.docstrings import field_docstrings

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]

SCALARS: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}
LENGTHS: Final = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
BOUNDS: Final = {"ge": "minimum", "le": "maximum"}
SMALL_INTEGER: Final = "int32"
"""The format of an integer that has no other."""


class UnknownTypeError(Exception):
    """A field has a type that a schema cannot express; the message names it."""


def object_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of a model, with its docstring as the description."""
    schema: Schema = {"type": "object", "description": _one_line(model.__doc__)}
    required = [_name(name, field) for name, field in model.model_fields.items() if _is_required(field)]
    if required:
        schema["required"] = required
    if model.model_config.get("extra") == "allow":
        schema["x-kubernetes-preserve-unknown-fields"] = True
    # A model that checks a rule in its own way has the rules without the base that checks them.
    rules = getattr(model, "rules", ())
    if rules:
        schema["x-kubernetes-validations"] = [rule.document() for rule in rules]
    docstrings = field_docstrings(model)
    schema["properties"] = {
        _name(name, field): field_schema(field, docstrings.get(name, ""))
        for name, field in model.model_fields.items()
    }
    return schema


def field_schema(field: FieldInfo, docstring: str = "") -> Schema:
    """Return the schema of a field, with its docstring as the description.

    Raises:
        UnknownTypeError: its type has no schema.
    """
    schema = _type_schema(field.annotation)
    if description := field.description or docstring:
        described = {"type": schema["type"], "description": _one_line(description)}
        schema = described | {key: value for key, value in schema.items() if key not in described}
    _constrain(schema, field.metadata)
    extra = field.json_schema_extra
    if isinstance(extra, dict):
        schema |= extra
    for marker in field.metadata:
        _mark(schema, marker)
    if schema["type"] == "integer":
        schema.setdefault("format", SMALL_INTEGER)
    default = (
        _plain(field.get_default(call_default_factory=True, validated_data={}))
        if not field.is_required()
        else None
    )
    if default:
        schema["default"] = default
    return schema


def _type_schema(annotation: Any) -> Schema:  # noqa: ANN401, PLR0911 - a type of any kind, one line for each
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        (only,) = (each for each in arguments if each is not type(None))
        return _type_schema(only)
    if origin is Annotated:
        return field_schema(FieldInfo.from_annotation(annotation))
    if origin is tuple:
        return {"type": "array", "items": _type_schema(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type_schema(arguments[1])}
    if annotation in SCALARS:
        return {"type": SCALARS[annotation]}
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return {"type": "string", "enum": [each.value for each in annotation]}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return object_schema(annotation)
    raise UnknownTypeError(f"{annotation!r} has no schema; add it to {__name__}")


def _constrain(schema: Schema, metadata: Iterable[object]) -> None:
    for constraint in metadata:
        for attribute, keyword in BOUNDS.items():
            if (bound := getattr(constraint, attribute, None)) is not None:
                schema[keyword] = bound
        if pattern := getattr(constraint, "pattern", None):
            schema["pattern"] = pattern
        for attribute, keyword in zip(
            ("min_length", "max_length"), LENGTHS.get(schema["type"], ()), strict=False
        ):
            if (bound := getattr(constraint, attribute, None)) is not None:
                schema[keyword] = bound


def _mark(schema: Schema, marker: object) -> None:
    match marker:
        case ApiRule():
            schema.setdefault("x-kubernetes-validations", []).append(marker.document())
        case MapKeys():
            schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(marker.names)}
        case DefaultKey():
            reference = schema["items"] if schema["type"] == "array" else schema
            reference["properties"]["key"]["default"] = marker.key


def _is_required(field: FieldInfo) -> bool:
    return field.is_required() or any(isinstance(marker, Always) for marker in field.metadata)


def _name(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _plain(value: object) -> object:
    """Return a default as JSON; empty for one that says nothing, such as false or an empty text."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        plain = {_name(name, field): _plain(getattr(value, name)) for name, field in fields.items()}
        return {name: default for name, default in plain.items() if default}
    return value.value if isinstance(value, StrEnum) else value


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
