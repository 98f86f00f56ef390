"""The error boundary: every command ends with an exit code, and an error with one line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import typer

from notification_cli.errors import CliError, ExitCode
from notification_cli.views.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED: Final = 130


def finish(work: Callable[[], int]) -> None:
    """Do the work of a command and end the process with its exit code.

    Raises:
        typer.Exit: always.
    """
    raise typer.Exit(exit_code(work))


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
