"""The CustomResourceDefinitions, from the models of the contract and the docstrings of their fields (DD-KINDS-001)."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from notification_contract import names
from notification_contract.kinds.block import Always, MapKeys
from notification_contract.kinds.rules import ApiRule
from notification_contract.kinds.secrets import DefaultKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from notification_contract.kinds.definitions import Column, Kind

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
    required = [
        _name(name, field)
        for name, field in model.model_fields.items()
        if field.is_required() or any(isinstance(marker, Always) for marker in field.metadata)
    ]
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
    """Return the schema of a field, with its docstring as the description."""
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


@cache
def field_docstrings(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the docstrings of a model's fields by their attributes, with those that it inherits."""
    return {name: text for cls in reversed(model.__mro__) for name, text in _own(cls)}


def _own(cls: type) -> Iterator[tuple[str, str]]:
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):
        return  # It is built in, or was created from a table.
    (definition,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(definition, ast.ClassDef), "the source is that of a class"
    for statement, following in pairwise(definition.body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, text


YAML_WIDTH: Final = 110
YAML_HEAD: Final = (
    "# Generated from the models in {package} by `make generate` (DD-KINDS-001).\n"
    "# `kubectl explain {singular} --recursive` prints it from a cluster.\n"
)


def text(kind: Kind) -> str:
    package = kind.spec.__module__.rpartition(".")[0].replace(".", "/")
    head = YAML_HEAD.format(singular=kind.name.lower(), package=package)
    return head + yaml.dump(
        definition(kind), Dumper=_Dumper, sort_keys=False, width=YAML_WIDTH, allow_unicode=True
    )


def definition(kind: Kind) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": list(kind.short_names),
                "categories": [names.CATEGORY],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(each) for each in kind.columns],
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return version | {"schema": {"openAPIV3Schema": _object(kind)}}


def _column(column: Column) -> dict[str, Any]:
    document = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return document | ({"priority": 1} if column.wide else {})


def _object(kind: Kind) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "description": kind.description, "required": ["spec"]}
    if kind.rules:
        schema["x-kubernetes-validations"] = [rule.document() for rule in kind.rules]
    return schema | {
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"The API version of this object, {names.GROUP}/{kind.version}.",
            },
            "kind": {"type": "string", "description": f"The kind of this object, {kind.name}."},
            "metadata": {"type": "object"},
            "spec": object_schema(kind.spec),
            "status": object_schema(kind.status) | dict(kind.status_keywords),
        }
    }


class _Dumper(yaml.SafeDumper):
    """Writes a list of names in one line, other lists below their key, and every value where it is used."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def _list(dumper: _Dumper, value: list[Any]) -> yaml.Node:
    names_only = all(isinstance(each, str) for each in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=names_only)


_Dumper.add_representer(list, _list)
