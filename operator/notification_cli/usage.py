"""What is wrong with a command line, and what to write instead; `notif` and `notif-platform` say it in the same words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

EXTRA: Final = re.compile(r"unexpected extra argument\S* \((.*)\)$")
"""What typer says of an argument that a command does not take."""

TWINS: Final[Mapping[str, str]] = {
    "notif get": "notif ls lists notifications, and notif show NAME -o yaml writes one",
    "notif describe": "notif show NAME shows a notification, and notif why NAME explains it",
    "notif delete": "notif cancel NAME deletes a notification that is still open, and kubectl delete notif NAME any",
}
"""What to write in place of verbs of kubectl."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Wrong usage: the argument and its value, and the hint."""

    problem: str
    hint: str

    def __str__(self) -> str:
        return f"{self.problem}{'' if self.problem.endswith('?') else ';'} {self.hint}"


def is_help(error: typer.TyperException) -> bool:
    """Return whether the message is the help of a command without arguments that needs some."""
    return type(error).__name__ == "NoArgsIsHelpError"


def in_our_words(error: Any) -> Usage:  # noqa: ANN401 - typer exports no such class
    context = getattr(error, "ctx", None)
    path = context.command_path if context else ""
    options = f"{path} --help lists the options".lstrip()
    if hasattr(error, "option_name"):
        return _of_option(error, options)
    if hasattr(error, "param_type"):
        return _missing(error, path)
    if isinstance(error, typer.BadParameter):
        return _refused(error, options)
    if context and (extra := EXTRA.search(error.message)) is not None:
        takes = " ".join(_arguments(context.command)) or "no arguments"
        return Usage(problem=f"unexpected argument {extra[1]!r}", hint=f"{path} takes {takes}; {options}")
    if context and hasattr(context.command, "list_commands"):
        return _no_command(error, path)
    return Usage(problem=error.message.rstrip("."), hint=options)


def _of_option(error: Any, options: str) -> Usage:  # noqa: ANN401 - typer exports no such class
    name = error.option_name
    if hasattr(error, "possibilities"):
        close = sorted(error.possibilities or ())
        return Usage(problem=f"there is no option {name}{_meant(close)}", hint=options)
    if "requires" in error.message:
        return Usage(problem=f"{name} needs a value", hint=f"write {name} VALUE")
    return Usage(problem=f"{name} takes no value", hint="leave out what follows =")


def _missing(error: Any, path: str) -> Usage:  # noqa: ANN401 - typer exports no such class
    param, name = error.param, _written(error.param)
    if param.param_type_name == "argument":
        hint = f"write {path} {' '.join(_arguments(error.ctx.command))}"
    else:
        hint = f"add {name} {param.metavar or param.name.upper()}: {param.help}"
    return Usage(problem=f"{name} is missing", hint=hint)


def _refused(error: Any, options: str) -> Usage:  # noqa: ANN401 - typer exports no such class
    """Return what is wrong with a value: what our own check says, or what the type of the parameter demands."""
    name = _written(error.param) if error.param else error.param_hint or ""
    place = f"{name}: " if name else ""
    if not hasattr(error.__cause__, "errors"):
        problem, _, hint = error.message.partition("; ")
        return Usage(problem=f"{place}{problem.rstrip('.')}", hint=hint or options)
    given = error.__cause__.errors()[0].get("input")
    return Usage(problem=f"{place}{given!r} is not allowed", hint=_allowed(error.param.type_descriptor))


def _allowed(kind: Any) -> str:  # noqa: ANN401 - typer exports no such class
    if kind.choices is not None:
        return f"use one of {', '.join(str(each.value) for each in kind.choices)}"
    least, most = kind.parameter_info.min, kind.parameter_info.max
    if least is None:
        return "use a whole number"
    return (
        f"use a whole number of at least {least}"
        if most is None
        else f"use a whole number from {least} to {most}"
    )


def _no_command(error: Any, path: str) -> Usage:  # noqa: ANN401 - typer exports no such class
    name = next(iter(re.findall(r"'([^']*)'", error.message)), "")
    if (twin := TWINS.get(f"{path} {name}".removeprefix("kubectl "))) is not None:
        return Usage(problem=f"there is no command {name!r}", hint=twin)
    close = get_close_matches(name, error.ctx.command.list_commands(error.ctx))
    return Usage(
        problem=f"there is no command {name!r}{_meant(close)}", hint=f"{path} --help lists the commands"
    )


def _meant(names: Iterable[str]) -> str:
    close = " or ".join(names)
    return f"; did you mean {close}?" if close else ""


def _written(param: Any) -> str:  # noqa: ANN401 - typer exports no such class
    """Return a parameter as the user writes it."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    return str(max(param.opts, key=len))


def _arguments(command: Any) -> Iterator[str]:  # noqa: ANN401 - typer exports no such class
    for param in command.params:
        if param.param_type_name == "argument":
            yield _written(param) if param.required else f"[{_written(param)}]"
