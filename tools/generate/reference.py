"""The reference of a kind in the documentation: its fields, and what the API server refuses, from the schema of its CRD."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from tools.generate.crd import definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_contract.kinds.definitions import Kind
    from tools.generate.crd import Schema

BOUNDS: Final = (
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " entries"),
    ("minProperties", "maxProperties", " entries"),
    ("minimum", "maximum", ""),
)
VALUE: Final = re.compile(r"' \+ [\w.]+ \+ '|' \+ [\w.]+$|^[\w.]+ \+ '")
ESCAPED: Final = str.maketrans({"|": r"\|", "*": r"\*", "<": "&lt;"})
"""Characters of a description that Markdown would read as a cell, an emphasis or a tag."""


def reference(kind: Kind) -> str:
    """Return a table of the fields of spec and status, and one of the rules over them."""
    (version,) = definition(kind)["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    parts = {name: schema["properties"][name] for name in ("spec", "status")}
    lines: list[str] = []
    for name, part in parts.items():
        lines += [f"## {name.capitalize()}", "", part["description"], ""]
        lines += ["| field | type | default | description |", "|---|---|---|---|"]
        lines += [_row(*each) for each in fields(part, name)]
        lines.append("")
    lines += ["## Rules", "", "The API server refuses an object that breaks a rule, with this message:", ""]
    lines += ["| field | message |", "|---|---|"]
    lines += [f"| `{path}` | {message.translate(ESCAPED)} |" for path, message in rules(schema, "")]
    return "\n".join(lines)


def fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """Yield path and schema of each field below an object, and whether it is required."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field, name in schema.get("required", ())
        yield from fields(field, f"{path}.{name}")
        yield from fields(field.get("items", {}), f"{path}.{name}[]")


def rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each field with a rule, and the message of the rule."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path or "metadata", rule.get("message") or _message(rule["messageExpression"])
    for name, field in schema.get("properties", {}).items():
        yield from rules(field, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from rules(schema["items"], f"{path}[]")


def _message(expression: str) -> str:
    """Return the texts of an expression in CEL, with `…` for each value; those of both branches of a condition."""
    *_, branches = expression.split(" ? ")
    return "; or: ".join(VALUE.sub("…", branch).strip("'") for branch in branches.split(" : "))


def _row(path: str, field: Schema, required: bool) -> str:  # noqa: FBT001 - as `fields` yields it
    kind = ", ".join(
        filter(
            None, (_type(field), _bounds(field), "required" if required and "default" not in field else "")
        )
    )
    # The default of an object is that of its fields.
    default = f"`{_shown(field['default'])}`" if "default" in field and field["type"] != "object" else ""
    return f"| `{path}` | {kind} | {default} | {field.get('description', '').translate(ESCAPED)} |"


def _type(field: Schema) -> str:
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map to {_type(field['additionalProperties'])}"
    return "time" if field.get("format") == "date-time" else str(field["type"])


def _bounds(field: Schema) -> str:
    for least_key, most_key, unit in BOUNDS:
        least, most = field.get(least_key), field.get(most_key)
        if least is not None and most is not None:
            return f"{least} to {most}{unit}"
        if most is not None:
            return f"at most {most}{unit}"
        if least is not None:
            return f"at least {least}{unit}"
    return ""


def _shown(default: Any) -> str:  # noqa: ANN401 - any default of a schema
    return default if isinstance(default, str) else json.dumps(default)
