"""Results as JSON, YAML or names, written object by object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import yaml

from notification_cli.options import Output
from notification_contract import names
from notification_operator.domain.json_values import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notification_cli.output.screen import Screen


class Objects:
    """Writes objects in one of the formats other than the table; JSON and YAML form one List."""

    def __init__(self, screen: Screen, output: Output) -> None:
        self._write = screen.file.write
        self._flush = screen.flush
        self._output = output
        self._count = 0

    def add(self, objects: Iterable[Mapping[str, Any]]) -> None:
        for each in objects:
            self._add(_without_managed_fields(each))
            self._count += 1
        self._flush()

    def _add(self, obj: Mapping[str, Any]) -> None:
        match self._output:
            case Output.JSON:
                opening = '{"apiVersion": "v1", "kind": "List", "items": [\n' if not self._count else ",\n"
                self._write(opening + json.dumps(obj, indent=2))
            case Output.YAML:
                opening = "apiVersion: v1\nkind: List\nitems:\n" if not self._count else ""
                self._write(opening + yaml.safe_dump([obj], sort_keys=False))
            case _:
                self._write(f"{name_of(obj)}\n")

    def close(self) -> None:
        if self._output is Output.JSON:
            self._write("\n]}\n" if self._count else '{"apiVersion": "v1", "kind": "List", "items": []}\n')
        elif self._output is Output.YAML and not self._count:
            self._write("apiVersion: v1\nkind: List\nitems: []\n")
        self._flush()


def stream(screen: Screen, output: Output, objects: Iterable[Mapping[str, Any]]) -> None:
    """Write objects as documents of their own, as they come in a watch."""
    for each in objects:
        document(screen, output, _without_managed_fields(each), separate=True)


def document(
    screen: Screen, output: Output, value: Mapping[str, Any], *, name: str = "", separate: bool = False
) -> None:
    """Write one result; `name` is what `-o name` shows, by default the name of an object."""
    match output:
        case Output.JSON:
            screen.file.write(json.dumps(value, indent=2) + "\n")
        case Output.YAML:
            screen.file.write(("---\n" if separate else "") + yaml.safe_dump(dict(value), sort_keys=False))
        case _:
            screen.file.write(f"{name or name_of(value)}\n")
    screen.flush()


def name_of(obj: Mapping[str, Any]) -> str:
    """Return the name of an object as `kubectl get -o name` writes it."""
    kind = str(obj.get("kind") or names.KIND).lower()
    return f"{kind}.{names.GROUP}/{obj['metadata']['name']}"


def resource_name(name: str) -> str:
    """Return the name of a notification as `kubectl get -o name` writes it."""
    return f"{names.SINGULAR}.{names.GROUP}/{name}"


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of a view
    """Return a value of a view as JSON, with the field names of the API's style."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(each.name): plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def _without_managed_fields(obj: Mapping[str, Any]) -> dict[str, Any]:
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": meta}
