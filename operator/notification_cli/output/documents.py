"""Results as JSON, YAML or names, written object by object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from notification_cli.output.table import Column, Table
from notification_cli.output.yaml_text import dump
from notification_cli.views.format import Form, Output
from notification_cli.views.text import clean
from notification_contract import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notification_cli.output.screen import Screen, Span


class Objects:
    """Writes objects in one of the formats other than the table; JSON, YAML and JSONPath have one List of them.

    Args:
        screen: where to.
        output: the format.
        follows: whether each object is a document of its own, as they come in a watch.
    """

    def __init__(self, screen: Screen, output: Output, *, follows: bool = False) -> None:
        self._screen, self._output, self._follows = screen, output, follows
        self._write = screen.file.write
        self._count = 0
        self._held: list[Mapping[str, Any]] = []
        self._table = _custom_table(screen, output)

    def add(self, objects: Iterable[Mapping[str, Any]]) -> None:
        plain_objects = [_without_managed_fields(each) for each in objects]
        if self._output.form is Form.CUSTOM_COLUMNS:
            self._table.write(_custom_rows(self._output, plain_objects))
        for each in plain_objects:
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
            case Form.JSONPATH:
                self._held.append(obj)
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
            case Form.JSONPATH:
                whole = {"apiVersion": "v1", "kind": "List", "items": self._held}
                document(self._screen, self._output, whole)
            case Form.CUSTOM_COLUMNS if not self._count:
                self._table.write([])
        self._screen.flush()


def document(  # noqa: PLR0913 - the forms of a result
    screen: Screen,
    output: Output,
    value: Mapping[str, Any],
    *,
    name: str = "",
    separate: bool = False,
    rows: Iterable[Mapping[str, Any]] | None = None,
) -> None:
    """Write one result.

    Args:
        screen: where to.
        output: the format; a table is not one of them.
        value: the result.
        name: what `-o name` shows, by default the name of an object.
        separate: whether another document follows.
        rows: what custom columns show line by line, by default the result.
    """
    match output.form:
        case Form.JSON:
            screen.file.write(json.dumps(value, indent=2) + "\n")
        case Form.YAML:
            screen.file.write(("---\n" if separate else "") + dump(dict(value), sort_keys=False))
        case Form.JSONPATH:
            assert output.template is not None, "the format has one"
            text = output.template.render(value)
            screen.file.write(clean(text, lines=True) if screen.width else text)
        case Form.CUSTOM_COLUMNS if not separate:
            sorted_rows = output.sort([value] if rows is None else rows)
            _custom_table(screen, output).write(_custom_rows(output, sorted_rows))
        case Form.NAME:
            screen.file.write(f"{name or name_of(value)}\n")
    screen.flush()


def _custom_table(screen: Screen, output: Output) -> Table:
    return Table(screen, [Column(title=each.title) for each in output.columns], output)


def _custom_rows(output: Output, objects: Iterable[Mapping[str, Any]]) -> list[list[Span | str]]:
    return [[clean(column.cell(each)) for column in output.columns] for each in objects]


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
