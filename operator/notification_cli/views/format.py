"""The format of a result: the values of `-o`, and what goes with them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from notification_cli.views.jsonpath import JsonPathError, Path, Template, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOTHING: Final = "<none>"
"""A column without a value, as kubectl writes it."""


class Form(StrEnum):
    """The values of `-o`; the last two have a template after an equals sign."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JSONPATH = "jsonpath"
    CUSTOM_COLUMNS = "custom-columns"


@dataclass(frozen=True, slots=True)
class CustomColumn:
    title: str
    path: Path

    def cell(self, obj: Mapping[str, Any]) -> str:
        return ",".join(map(shown, self.path.find(obj, obj))) or NOTHING


@dataclass(frozen=True, slots=True)
class Output:
    """How a result is written.

    Args:
        form: the kind of format.
        template: of JSONPath.
        columns: custom ones.
        headers: whether tables have titles.
        sort_by: the field by which a list is sorted; None for the order of the API server.
    """

    form: Form
    template: Template | None = None
    columns: Sequence[CustomColumn] = ()
    headers: bool = True
    sort_by: Path | None = None

    TABLE: ClassVar[Output]
    JSON: ClassVar[Output]
    YAML: ClassVar[Output]
    NAME: ClassVar[Output]

    @classmethod
    def of(cls, text: str, *, no_headers: bool = False, sort_by: str = "") -> Output:
        """Return the format that the user wrote.

        Raises:
            ValueError: it is none; the message says which ones there are, or the column of a fault.
        """
        form, equals, argument = text.partition("=")
        if form not in tuple(Form) or bool(equals) != (form in {Form.JSONPATH, Form.CUSTOM_COLUMNS}):
            forms = ", ".join(each for each in Form if each not in {Form.JSONPATH, Form.CUSTOM_COLUMNS})
            raise ValueError(
                f"{text!r} is no format; use one of {forms}, jsonpath=TEMPLATE or custom-columns=TITLE:PATH,..."
            )
        return cls(
            Form(form),
            template=Template.parse(argument) if form == Form.JSONPATH else None,
            columns=_columns(argument) if form == Form.CUSTOM_COLUMNS else (),
            headers=not no_headers,
            sort_by=Path.parse(sort_by) if sort_by else None,
        )

    @property
    def is_table(self) -> bool:
        """Whether it is for people: the columns that a command chooses."""
        return self.form in {Form.TABLE, Form.WIDE}

    @property
    def is_data(self) -> bool:
        """Whether it needs the whole result, and not the name alone."""
        return not self.is_table and self.form is not Form.NAME

    @property
    def is_wide(self) -> bool:
        return self.form is Form.WIDE

    def sort(self, objects: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Return objects in the order of the field to sort by: those without it first, then numbers, then texts."""
        return sorted(objects, key=self._key)

    def _key(self, obj: Mapping[str, Any]) -> tuple[int, Any]:
        value = next(iter(self.sort_by.find(obj, obj) if self.sort_by else ()), None)
        if value is None:
            return 0, 0
        if isinstance(value, int | float):
            return 1, value
        parts = re.split(r"(\d+)", shown(value))
        return 2, [(not each.isdecimal(), int(each) if each.isdecimal() else 0, each) for each in parts]


def _columns(text: str) -> tuple[CustomColumn, ...]:
    columns = []
    for part in re.split(r",(?![^\[]*\])", text):
        title, colon, path = part.partition(":")
        if not title or not colon or not path:
            raise JsonPathError(f"{part!r} is no column; write TITLE:PATH, such as NAME:.metadata.name")
        columns.append(CustomColumn(title, Path.parse(path)))
    return tuple(columns)


Output.TABLE, Output.JSON = Output(Form.TABLE), Output(Form.JSON)
Output.YAML, Output.NAME = Output(Form.YAML), Output(Form.NAME)
