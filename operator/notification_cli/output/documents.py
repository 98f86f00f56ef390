"""Results as JSON, YAML or names, written object by object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from notification_cli.output.yaml_text import dump
from notification_cli.views.format import Form, Output
from notification_contract import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notification_cli.output.screen import Screen


class Objects:
    """Writes objects in one of the formats other than the table; JSON and YAML have one List of them.

    Args:
        screen: where to.
        output: the format.
        follows: whether each object is a document of its own, as they come in a watch.
    """

    def __init__(self, screen: Screen, output: Output, *, follows: bool = False) -> None:
        self._screen, self._output, self._follows = screen, output, follows
        self._write = screen.file.write
        self._count = 0

    def add(self, objects: Iterable[Mapping[str, Any]]) -> None:
        for each in map(_without_managed_fields, objects):
            if self._follows:
                document(self._screen, self._output, each, separate=True)
            else:
                self._add(each)
            self._count += 1
        self._screen.flush()

    def _add(self, obj: Mapping[str, Any]) -> None:
        match self._output.form:
            case Form.JSON:
                opening = '{"apiVersion": "v1", "kind": "List", "items": [\n' if not self._count else ",\n"
                self._write(opening + json.dumps(obj, indent=2))
            case Form.YAML:
                opening = "apiVersion: v1\nkind: List\nitems:\n" if not self._count else ""
                self._write(opening + dump([obj], sort_keys=False))
            case Form.NAME:
                self._write(f"{name_of(obj)}\n")

    def close(self) -> None:
        match self._output.form:
            case Form.JSON:
                self._write(
                    "\n]}\n" if self._count else '{"apiVersion": "v1", "kind": "List", "items": []}\n'
                )
            case Form.YAML if not self._count:
                self._write("apiVersion: v1\nkind: List\nitems: []\n")
        self._screen.flush()


def document(
    screen: Screen, output: Output, value: Mapping[str, Any], *, name: str = "", separate: bool = False
) -> None:
    """Write one result.

    Args:
        screen: where to.
        output: the format; a table is not one of them.
        value: the result.
        name: what `-o name` shows, by default the name of an object.
        separate: whether another document follows.
    """
    match output.form:
        case Form.JSON:
            screen.file.write(json.dumps(value, indent=2) + "\n")
        case Form.YAML:
            screen.file.write(("---\n" if separate else "") + dump(dict(value), sort_keys=False))
        case Form.NAME:
            screen.file.write(f"{name or name_of(value)}\n")
    screen.flush()


def name_of(obj: Mapping[str, Any]) -> str:
    """Return the name of an object as `kubectl get -o name` writes it."""
    kind = str(obj.get("kind") or names.KIND).lower()
    return f"{kind}.{names.GROUP}/{obj['metadata']['name']}"


def resource_name(name: str) -> str:
    """Return the name of a notification as `kubectl get -o name` writes it."""
    return f"{names.SINGULAR}.{names.GROUP}/{name}"


def _without_managed_fields(obj: Mapping[str, Any]) -> dict[str, Any]:
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": meta}
