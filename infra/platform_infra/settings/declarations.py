"""The declarations that are generated from the settings: Pulumi.yaml's config block, a table, a JSON Schema, and a component's arguments. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from notification_contract.settings import declared_settings
from platform_infra.names import PROJECT
from platform_infra.settings.inputs import INPUT_TYPES
from platform_infra.settings.model import PATHS, Settings, default_of, is_secret

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from notification_contract.settings.operator import Path

ENGINE_KEYS = ("encryptionsalt", "encryptedkey", "secretsprovider", "environment")
"""Other keys that the engine writes into a stack's file."""
SECRET = {
    "description": "A value that `pulumi config set --secret` has encrypted.",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    SecretStr: "string",
}
_FIELDS: dict[Path, FieldInfo] = dict(declared_settings(Settings))


def config_block() -> dict[str, Any]:
    """Return the `config:` block of Pulumi.yaml, one entry per setting."""
    return {key: _for_pulumi(path) for key, path in PATHS.items()}


def markdown_table() -> str:
    """Return every key with its type, default and description as a Markdown table."""
    rows = ["| key | type | default | description |", "|---|---|---|---|"]
    for key, path in PATHS.items():
        entry = declaration(path)
        kind = entry["type"] + (f" of {entry['items']['type']}" if "items" in entry else "")
        rows.append(f"| `{key}` | {kind} | `{json.dumps(entry['default'])}` | {entry['description']} |")
    return "\n".join(rows) + "\n"


def editor_schema() -> dict[str, Any]:
    """Return the JSON Schema of a stack's file, for editors."""
    schema = Settings.model_json_schema()
    kinds = schema["$defs"]
    properties = {f"{PROJECT}:{key}": _for_editors(path, schema) for key, path in PATHS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of the notification platform",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": properties,
                # Keys of other namespaces, such as a provider's.
                "patternProperties": {f"^(?!{PROJECT}:)[^:]+:": True},
                "additionalProperties": False,
            },
            **dict.fromkeys(ENGINE_KEYS, True),
        },
        "additionalProperties": False,
        "$defs": {"secret": SECRET}
        | {name: kinds[name] for name in sorted(named_definitions(properties, kinds))},
    }


def component_arguments() -> str:
    """Return the fields of the typed dictionary in `component_args.py`, one per setting."""
    fields = []
    for key, path in PATHS.items():
        entry = declaration(path)
        default = (
            f" The default is `{json.dumps(entry['default'])}`."
            if entry["default"] not in ("", [], {})
            else ""
        )
        fields.append(
            f"    {'_'.join(path)}: {INPUT_TYPES.get(key) or _python(entry)}\n    {_docstring(entry['description'] + default)}\n"
        )
    return "".join(fields)


def _python(entry: dict[str, Any]) -> str:
    """Return a setting's Python type. An enumeration is a text, so that an invalid value is reported with all others."""
    if entry["type"] == "array":
        return f"list[{_python(entry['items'])}]"
    return {
        "string": "str",
        "integer": "int",
        "number": "float",
        "boolean": "bool",
        "object": "dict[str, Any]",
    }[entry["type"]]


def _docstring(text: str) -> str:
    return f'r"""{text} """' if text.endswith('"') else f'"""{text}"""'


def value_schemas(path: Path, schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schemas of the values of a setting, of which one applies; `schema` is that of all settings."""
    branch = schema
    for name in path[:-1]:
        branch = schema["$defs"][branch["properties"][name]["$ref"].rpartition("/")[2]]
    declared = branch["properties"][path[-1]]
    parts = [part for part in declared.get("anyOf", [declared]) if part.get("type") != "null"]
    return [{key: each for key, each in part.items() if key not in _ANNOTATIONS} for part in parts]


def _for_editors(path: Path, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value, which can also be a secret, or the text that the engine writes for a scalar."""
    value, *others = value_schemas(path, schema)
    entry = declaration(path)
    forms: list[dict[str, Any]] = [value, {"$ref": "#/$defs/secret"}]
    if others:
        forms[1:1] = [*others, {"enum": ["true", "false"]}]
    match entry["type"]:
        case "boolean":
            forms.insert(1, {"enum": ["true", "false"]})
        case "integer":
            value["type"] = "integer"
            forms.insert(1, {"type": "string", "pattern": "^[0-9]+$"})
        case "number":
            forms.insert(1, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"})
    return {"description": entry["description"], "default": entry["default"], "anyOf": forms}


_ANNOTATIONS = {"title", "default", "description", "format", "writeOnly"}


def named_definitions(part: Any, kinds: dict[str, Any]) -> set[str]:  # noqa: ANN401 - any part of a schema
    """Return the names of the definitions that a part of a schema refers to, directly or indirectly."""
    if isinstance(part, list):
        return set().union(*(named_definitions(item, kinds) for item in part))
    if not isinstance(part, dict):
        return set()
    below: set[str] = set().union(*(named_definitions(item, kinds) for item in part.values()))
    name = str(part.get("$ref", "")).rpartition("/")[2]
    return below | ({name} | named_definitions(kinds[name], kinds) if name in kinds else set())


def declaration(path: Path) -> dict[str, Any]:
    """Return the declaration of a setting: its JSON type, default and description."""
    field = _FIELDS[path]
    default = default_of(path)
    declared = _type_of(field.annotation)
    if declared["type"] == "number" and isinstance(default, int):
        declared = {"type": "integer"}  # Pulumi's configuration knows no other numbers.
    return declared | {"default": default, "description": _description(field)}


def _for_pulumi(path: Path) -> dict[str, Any]:
    """Return a declaration in Pulumi's types: a number with a fraction is a text, and a secret has no type.

    The engine refuses a secret that has a type if its default, which is in plain text, applies.
    """
    entry = declaration(path)
    if is_secret(_FIELDS[path]):
        return {"secret": True, **{key: part for key, part in entry.items() if key != "type"}}
    if entry["type"] in {"number", "string"}:
        return entry | {"type": "string", "default": _text(entry["default"])}
    return entry


def _text(value: Any) -> str:  # noqa: ANN401 - the default of a scalar
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type_of(annotation: Any) -> dict[str, Any]:  # noqa: ANN401 - a type expression
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin is Annotated:
            return _type_of(arguments[0])
        case origin if origin in {dict, Mapping}:
            return {"type": "object"}
        case origin if origin is tuple:
            return {"type": "array", "items": _type_of(arguments[0])}
        case origin if origin in {Union, UnionType}:
            # A boolean or a word: Pulumi stores both as a text, and accepts a boolean for one.
            words = any(get_origin(argument) is Literal for argument in arguments)
            return (
                {"type": "string"}
                if words
                else _type_of(next(each for each in arguments if each is not NoneType))
            )
    if issubclass(annotation, BaseModel):
        return {"type": "object"}
    return {"type": "string" if issubclass(annotation, StrEnum) else _TYPES[annotation]}


def _description(field: FieldInfo) -> str:
    text = str(field.description)
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return f"{text} One of {', '.join(field.annotation)}."
    return text
