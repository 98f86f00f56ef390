"""The settings as others want them declared: Pulumi.yaml's config block, a table for people, a schema for editors, a component's arguments. Pure."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from platform_infra.names import PROJECT
from platform_infra.settings.model import Settings, key_of, leaves

ENGINE_KEYS = ("encryptionsalt", "encryptedkey", "secretsprovider", "environment")
"""What else the engine writes into a stack's file."""
SECRET = {
    "description": "A value as `pulumi config set --secret` writes it.",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
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


def editor_schema() -> dict[str, Any]:
    """Return the JSON Schema of a stack's file, by which an editor completes keys and marks wrong values."""
    schema = Settings.model_json_schema()
    kinds = schema["$defs"]
    properties = {f"{PROJECT}:{key_of(path)}": _for_editors(path, schema) for path in leaves()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of the notification platform",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": properties,
                # Keys of others, such as a provider's.
                "patternProperties": {f"^(?!{PROJECT}:)[^:]+:": True},
                "additionalProperties": False,
            },
            **dict.fromkeys(ENGINE_KEYS, True),
        },
        "additionalProperties": False,
        "$defs": {"secret": SECRET} | {name: kinds[name] for name in sorted(_named(properties, kinds))},
    }


def component_arguments() -> str:
    """Return the fields of a typed dictionary, one a setting, each with its meaning; `component_args.py` holds them."""
    fields = []
    for path in leaves():
        entry = _entry(path)
        default = (
            f" The default is `{json.dumps(entry['default'])}`."
            if entry["default"] not in ("", [], {})
            else ""
        )
        fields.append(
            f"    {'_'.join(path)}: {_python(entry)}\n    {_docstring(entry['description'] + default)}\n"
        )
    return "".join(fields)


def _python(entry: dict[str, Any]) -> str:
    """Return a setting's type as Python writes it; an enumeration is text, so that its wrong values are told with all others."""
    if entry["type"] == "array":
        return f"list[{_python(entry['items'])}]"
    return {"string": "str", "integer": "int", "boolean": "bool", "object": "dict[str, Any]"}[entry["type"]]


def _docstring(text: str) -> str:
    return f'r"""{text} """' if text.endswith('"') else f'"""{text}"""'


def _for_editors(path: tuple[str, ...], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one value, which may also be a secret, or text where the engine has written it."""
    branch = schema
    for name in path[:-1]:
        branch = schema["$defs"][branch["properties"][name]["$ref"].rpartition("/")[2]]
    found = {
        key: value for key, value in branch["properties"][path[-1]].items() if key not in {"title", "default"}
    }
    entry = _entry(path)
    found.pop("description", None)
    ways: list[dict[str, Any]] = [found, {"$ref": "#/$defs/secret"}]
    match entry["type"]:
        case "boolean":
            ways.insert(1, {"enum": ["true", "false"]})
        case "integer":
            ways.insert(1, {"type": "string", "pattern": "^[0-9]+$"})
    return {"description": entry["description"], "default": entry["default"], "anyOf": ways}


def _named(part: Any, kinds: dict[str, Any]) -> set[str]:  # noqa: ANN401 - any part of a schema
    """Return the names of the kinds that a part refers to, directly or not."""
    if isinstance(part, list):
        return set().union(*(_named(item, kinds) for item in part))
    if not isinstance(part, dict):
        return set()
    found: set[str] = set().union(*(_named(item, kinds) for item in part.values()))
    name = str(part.get("$ref", "")).rpartition("/")[2]
    return found | ({name} | _named(kinds[name], kinds) if name in kinds else set())


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
    if issubclass(annotation, BaseModel):
        return {"type": "object"}
    return {"type": "string" if issubclass(annotation, StrEnum) else _TYPES[annotation]}


def _meaning(field: Any) -> str:  # noqa: ANN401 - pydantic's field details
    text = str(field.description)
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return f"{text} One of {', '.join(field.annotation)}."
    return text
