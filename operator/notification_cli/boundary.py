"""The error boundary: every command ends with an exit code, and an error, wrong usage among them, with one line."""

from __future__ import annotations

import os
import sys
from functools import partial, wraps
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, ClassVar, Final

import typer
from typer._completion_classes import completion_init
from typer.core import TyperGroup
from typer.main import get_command

from notification_cli.errors import CliError, ExitCode
from notification_cli.usage import in_our_words, is_help
from notification_cli.views.text import clean
from notification_runtime.command_help import Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTERRUPTED: Final = 130


class CommandLine(TyperGroup):
    """All commands. Wrong usage is one line that names the argument, its value and the hint.

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
        if isinstance(sys.stdout, TextIOWrapper):
            # Standard error does so already.
            sys.stdout.reconfigure(errors="replace")
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
    for each in target.registered_commands:
        each.cls = Verb
    result = get_command(target)
    result.name = name
    return result


def _report(error: typer.TyperException) -> None:
    if is_help(error):
        sys.stderr.write(f"{error.message}\n")
    else:
        sys.stderr.write(f"notif: {clean(str(in_our_words(error)))}\n")


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
