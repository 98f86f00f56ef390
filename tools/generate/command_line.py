"""The reference of `notif` in the documentation: every command with its arguments and options, from the application itself."""

from __future__ import annotations

import inspect
from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from typer.main import get_command

from notification_cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED: Final = 4
"""Options of so many commands stand in a table of their own."""
ESCAPED: Final = str.maketrans({"|": r"\|", "*": r"\*", "<": "&lt;"})
"""Characters of a text that Markdown would read as a cell, an emphasis or a tag."""
HEAD: Final = ("| option | meaning |", "|---|---|")


def commands(group: Any = None, path: str = "notif") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - of typer
    """Yield the words and the object of each command, those of groups among them."""
    group = group or cast("Any", get_command(app))
    context = group.context_class(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def reference() -> str:
    """Return a table of the options that commands share, and a section for each command."""
    found = dict(commands())
    counts = Counter(_row(each) for command in found.values() for each in _options(command))
    shared = [row for row, count in counts.items() if count >= SHARED]
    lines = ["### Options of several commands", "", *HEAD, *shared, ""]
    for path, command in found.items():
        lines += [f"### {path}", "", _described(command), ""]
        arguments = [_row(each) for each in command.params if each.param_type_name == "argument"]
        own = [row for each in _options(command) if (row := _row(each)) not in shared]
        lines += [*HEAD, *arguments, *own, ""] if arguments or own else []
        names = [_names(each)[0] for each in _options(command) if _row(each) in shared]
        lines += [f"Also: {', '.join(names)}.", ""] if names else []
    return "\n".join(lines)


def _options(command: Any) -> list[Any]:  # noqa: ANN401 - of typer
    return [each for each in command.params if each.param_type_name == "option"]


def _described(command: Any) -> str:  # noqa: ANN401 - of typer
    """Return the help of a command, one line for each paragraph."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _names(param: Any) -> list[str]:  # noqa: ANN401 - of typer
    """Return the short name of an option and then the long ones."""
    return [f"`{each}`" for each in sorted(param.opts, key=lambda name: name.startswith("--"))]


def _row(param: Any) -> str:  # noqa: ANN401 - of typer
    if param.param_type_name == "argument":
        written = f"`{param.metavar or param.name.upper()}`"
    else:
        written = ", ".join(_names(param))
    choices = param.type_descriptor.choices
    parts = [param.help or ""]
    if choices is not None and param.metavar is None:
        parts.append(f"One of {', '.join(f'`{each.value}`' for each in choices)}.")
    if param.show_default and param.default not in {None, False, ""}:
        default = param.default.value if isinstance(param.default, Enum) else param.default
        parts.append(f"Default: `{default}`.")
    return f"| {written} | {' '.join(filter(None, parts)).translate(ESCAPED)} |"
