"""Errors of usage in the words of this command line: the argument, its value, the nearest name and the form of the command."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

import typer
from typer._click.exceptions import (
    BadOptionUsage,
    BadParameter,
    MissingParameter,
    NoArgsIsHelpError,
    NoSuchOption,
)

from tools.platform.errors import ExitCode, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from typer._click.core import Context

EXTRA: Final = re.compile(r"Got unexpected extra argument\(s\) \((?P<words>.*)\)", re.DOTALL)
REASONS: Final = {
    "int_parsing": "is not a whole number",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
}
"""What is wrong with a value, by the type of pydantic's error."""


@contextlib.contextmanager
def usage_errors(context: Context | None = None) -> Iterator[None]:
    """Translate the library's errors of usage; `context` is that of the group whose command is parsed.

    Raises:
        UsageError: the command line cannot be used.
    """
    try:
        yield
    except NoArgsIsHelpError as error:
        error.show()
        raise typer.Exit(ExitCode.USAGE) from None
    except typer.TyperException as error:
        raise translated(error, getattr(error, "ctx", None) or context) from None


def translated(error: typer.TyperException, context: Context | None) -> UsageError:
    problem = _problem(error, context)
    if context is None:
        return UsageError(problem, hint="`--help` shows the form of the command")
    place = command_words(context)
    return UsageError(f"{place}: {problem}" if place else problem, hint=form(context))


def unknown_command(name: str, known: Collection[str], context: Context) -> UsageError:
    group = command_words(context)
    return UsageError(
        f"there is no command {f'{group} {name}'.lstrip()}{nearest(name, known)}",
        hint=f"`{_program(context)} --help` lists the commands",
    )


def command_words(context: Context) -> str:
    """Return the words of the command without the program."""
    return _path(context).partition(" ")[2]


def form(context: Context) -> str:
    """Return the form of the command; that of a group does not know the one of its command."""
    if context.invoked_subcommand:
        return f"`{_program(context)} --help` shows the form of the command"
    pieces = [piece.strip("{}") for piece in context.command.collect_usage_pieces(context)]
    return f"the form is `{' '.join([_program(context), *pieces])}`; `--help` explains it"


def _program(context: Context) -> str:
    path = _path(context)
    return f"tools/{path}" if path.startswith("notif-platform") else path


def _path(context: Context) -> str:
    # An error of the parser has no context, so it is that of the group.
    return " ".join(filter(None, (context.command_path, context.invoked_subcommand)))


def _problem(error: typer.TyperException, context: Context | None) -> str:
    match error:
        case NoSuchOption():
            parameters = context.command.get_params(context) if context else []
            options = [name for each in parameters for name in each.opts if name.startswith("--")]
            return f"there is no option {error.option_name}{nearest(error.option_name, options)}"
        case BadOptionUsage():
            return (
                f"{error.option_name} {'needs a value' if 'requires' in error.message else 'takes no value'}"
            )
        case MissingParameter(param=param) if param is not None:
            return f"{_name_of(param)} is missing"
        case BadParameter():
            return _bad_value(error)
    if extra := EXTRA.fullmatch(error.message):
        return f"unexpected argument {extra['words']}"
    return _sentence(error.message)


def _bad_value(error: BadParameter) -> str:
    if error.param is None:
        hint = error.param_hint if isinstance(error.param_hint, str) else ""
        return f"{hint}: {error.message}".removeprefix(": ")
    name = _name_of(error.param)
    details: list[Any] = getattr(error.__cause__, "errors", list)()
    if not details:
        return f"{name}: {_sentence(error.message)}"
    value = str(details[0]["input"])
    if choices := error.param.type_descriptor.choices:
        known = [str(each) for each in choices]
        return f"{name} {value} is none of {', '.join(known)}{nearest(value, known)}"
    reason = REASONS.get(details[0]["type"], f"cannot be used ({error.message})")
    return f"{name} {value} {reason.format_map(details[0].get('ctx') or {})}"


def _name_of(param: Any) -> str:  # noqa: ANN401 - typer declares no public type
    """Return an option's longest name, or an argument's metavar."""
    return max(param.opts, key=len) if param.param_type_name == "option" else str(param.display_name_raw)


def _sentence(text: str) -> str:
    """Return a sentence of the library without the period, as a part of ours."""
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")
