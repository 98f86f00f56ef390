"""List the operator's settings as a Markdown table, from the model that reads them.

Run `python -m tools.settings_table` to see it, and with `--write` to renew docs/operations.md.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from notification_operator.config.settings import ENV_PREFIX, Settings
from tools.doc_block import renewed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
BLOCK = "settings, by python -m tools.settings_table --write"
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def table() -> str:
    """Return a row a setting: its key in the file, variable, default, bounds and meaning."""
    head = ["| key in the file | variable | default | may be | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(path, field) for path, field in settings())])


def document(text: str) -> str:
    """Return the document's text with the table as it is generated now."""
    return renewed(text, BLOCK, table())


def settings(
    model: type[BaseModel] = Settings, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield every single setting with the path to it, in the order of declaration."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from settings(type(field.default), (*path, name))
        else:
            yield (*path, name), field


def _row(path: tuple[str, ...], field: FieldInfo) -> str:
    variable = ENV_PREFIX + "__".join(path).upper()
    cells = (
        f"`{'.'.join(path)}`",
        f"`{variable}`",
        _default(field.default),
        _bounds(field),
        str(field.description),
    )
    return f"| {' | '.join(cells)} |"


def _default(value: Any) -> str:  # noqa: ANN401 - any setting's value
    if value is None:
        return "none"
    return f"`{json.dumps(value) if isinstance(value, bool | tuple | dict) else value}`"


def _bounds(field: FieldInfo) -> str:
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return ", ".join(f"`{value}`" for value in field.annotation)
    limits = [
        f"{sign} {getattr(part, name)}"
        for part in field.metadata
        for name, sign in SIGNS.items()
        if hasattr(part, name)
    ]
    return ", ".join(limits) or "any"


def main(arguments: list[str]) -> None:
    """Print the table, or write it into the document."""
    if arguments == ["--write"]:
        DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main(sys.argv[1:])
