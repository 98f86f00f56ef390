"""The error boundary: every command ends with an exit code, and an error with one line."""

from __future__ import annotations

import os
import sys
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

import typer

from notification_cli.errors import CliError, ExitCode
from notification_cli.views.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED: Final = 130


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
