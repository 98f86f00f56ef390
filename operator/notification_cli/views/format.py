"""The format of a result: the values of `-o`, and what goes with them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIELD: Final = re.compile(r"(?:\\.|[^\\.\s\[\]{}()*,'\"])+")
PATH: Final = re.compile(rf"\.?{FIELD.pattern}(?:\.{FIELD.pattern})*")


class Form(StrEnum):
    """The values of `-o`."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Output:
    """How a result is written.

    Args:
        form: the kind of format.
        headers: whether tables have titles.
        sort_by: the names from the object to the field by which a list is sorted; empty for the order of the API server.
    """

    form: Form
    headers: bool = True
    sort_by: Sequence[str] = ()

    TABLE: ClassVar[Output]
    JSON: ClassVar[Output]
    YAML: ClassVar[Output]
    NAME: ClassVar[Output]

    @classmethod
    def of(cls, text: str, *, no_headers: bool = False, sort_by: str = "") -> Output:
        """Return the format that the user wrote.

        Raises:
            ValueError: it is none, or what to sort by is no field; the message says what to write.
        """
        if text not in tuple(Form):
            raise ValueError(
                f"{text!r} is no format; use one of {', '.join(Form)}, or kubectl, or jq on -o json, for another one"
            )
        return cls(Form(text), headers=not no_headers, sort_by=field_path(sort_by) if sort_by else ())

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
        value: Any = obj
        for name in self.sort_by:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            return 0, 0
        if isinstance(value, int | float):
            return 1, value
        parts = re.split(r"(\d+)", value if isinstance(value, str) else json.dumps(value))
        return 2, [(not each.isdecimal(), int(each) if each.isdecimal() else 0, each) for each in parts]


def field_path(text: str) -> tuple[str, ...]:
    """Return the names of a path such as `.metadata.name` or `{.metadata.name}`; a backslash makes a dot part of a name.

    Raises:
        ValueError: it is no path of fields.
    """
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not PATH.fullmatch(inner):
        raise ValueError(f"{text!r} is no field; write a path such as .metadata.creationTimestamp")
    return tuple(re.sub(r"\\(.)", r"\1", each) for each in FIELD.findall(inner))


Output.TABLE, Output.JSON = Output(Form.TABLE), Output(Form.JSON)
Output.YAML, Output.NAME = Output(Form.YAML), Output(Form.NAME)
