"""The error boundary: every command ends with an exit code, and an error, wrong usage among them, with one line."""

from __future__ import annotations

import os
import re
import sys
from difflib import get_close_matches
from functools import partial, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

import typer
from typer._completion_classes import completion_init
from typer.core import TyperGroup
from typer.main import get_command

from notification_cli.errors import CliError, ExitCode
from notification_cli.views.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

INTERRUPTED: Final = 130
EXTRA: Final = re.compile(r"unexpected extra argument\S* \((.*)\)$")
"""What typer says of an argument that a command does not take."""


class CommandLine(TyperGroup):
    """All commands. Wrong usage is one line that names the argument, its value and the remedy.

    `modules` has the module and function of each command, and the line that help shows of it.
    """

    modules: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002, ANN401 - the signature of typer
        return list(self.modules)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002, ANN401 - the signature of typer
        return _loaded(cmd_name, self.modules[cmd_name][0]) if cmd_name in self.modules else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002, ANN401 - the signature of typer
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.modules.items()])

    def main(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the signature of typer
        completion_init()
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except typer.TyperException as error:
            _report(error)
            code = error.exit_code
        except typer.Abort:
            code = INTERRUPTED
        sys.exit(code or ExitCode.OK)


def _loaded(name: str, place: str) -> Any:  # noqa: ANN401 - typer does not export the class
    """Import a command: a function with its options, or a group."""
    module, _, attribute = place.partition(":")
    target = getattr(import_module(f"{__package__}.commands.{module}"), attribute)
    if not isinstance(target, typer.Typer):
        command, target = ending(target), typer.Typer(add_completion=False, rich_markup_mode=None)
        target.command(name)(command)
    result = get_command(target)
    result.name = name
    return result


def _report(error: typer.TyperException) -> None:
    # A command without arguments that needs some: the message is its help.
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error.message}\n")
    else:
        sys.stderr.write(f"notif: {clean(in_our_words(error))}\n")


def in_our_words(error: Any) -> str:  # noqa: ANN401 - typer does not export the classes of its errors
    """Return one line for wrong usage: the argument, its value and the remedy."""
    path = error.ctx.command_path if error.ctx else "notif"
    see = f"{path} --help lists the {{}}"
    if hasattr(error, "possibilities"):
        meant = f"did you mean {' or '.join(sorted(error.possibilities))}? " if error.possibilities else ""
        return f"there is no option {error.option_name}; {meant}{see.format('options')}"
    if hasattr(error, "option_name"):
        missing = f"needs a value; write {error.option_name} VALUE"
        wrong = missing if "requires" in error.message else "takes no value; leave out what follows ="
        return f"{error.option_name} {wrong}"
    if hasattr(error, "param_type"):
        return _missing(error, path)
    if isinstance(error, typer.BadParameter):
        return f"{_written(error.param)}: {_reason(error)}"
    if (extra := EXTRA.search(error.message)) is not None:
        takes = " ".join(_arguments(error.ctx.command)) or "no arguments"
        return f"unexpected argument {extra[1]!r}; {path} takes {takes}; {see.format('options')}"
    return _no_command(error, see.format("commands"))


def _missing(error: Any, path: str) -> str:  # noqa: ANN401 - likewise
    param, name = error.param, _written(error.param)
    if param.param_type_name == "argument":
        return f"{name} is missing; write {path} {' '.join(_arguments(error.ctx.command))}"
    return f"{name} is missing; add {name} {param.metavar or param.name.upper()}: {param.help}"


def _reason(error: Any) -> str:  # noqa: ANN401 - likewise
    """Return what is wrong with a value: what our own check says, or what the type of the parameter demands."""
    cause = error.__cause__
    if cause is None or not hasattr(cause, "errors"):
        return str(error.message)
    given = cause.errors()[0].get("input")
    kind = error.param.type_descriptor
    if kind.choices is not None:
        return f"{given!r} is not allowed; use one of {', '.join(str(each.value) for each in kind.choices)}"
    least, most = kind.parameter_info.min, kind.parameter_info.max
    if least is None:
        return f"{given!r} is not allowed"
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    return f"{given!r} is not allowed; use a whole number {limits}"


def _no_command(error: Any, see: str) -> str:  # noqa: ANN401 - likewise
    name = next(iter(re.findall(r"'([^']*)'", error.message)), "")
    close = get_close_matches(name, error.ctx.command.list_commands(error.ctx))
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return f"there is no command {name!r}; {meant}{see}"


def _written(param: Any) -> str:  # noqa: ANN401 - likewise
    """Return a parameter as the user writes it."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    return str(max(param.opts, key=len))


def _arguments(command: Any) -> Iterator[str]:  # noqa: ANN401 - likewise
    for param in command.params:
        if param.param_type_name == "argument":
            yield _written(param) if param.required else f"[{_written(param)}]"


def ending(command: Callable[..., int]) -> Callable[..., None]:
    """Return the command with its exit code as the end of the process."""

    @wraps(command)
    def ended(**options: Any) -> None:  # noqa: ANN401 - options of any command
        raise typer.Exit(exit_code(partial(command, **options)))

    return ended


def exit_code(work: Callable[[], int]) -> int:
    """Do the work and return its exit code; an error is one line on standard error."""
    try:
        code = work()
        sys.stdout.flush()
    except CliError as error:
        sys.stdout.flush()
        sys.stderr.write(f"notif: {clean(error)}\n")
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as head, has what it needs. Python flushes again at its end: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    return code
