"""The question before a command changes what others rely on: the name of the stack is the answer."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import typer

from tools.platform.errors import PlatformError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a command is about to do; the command shows the details before it asks."""

    action: str
    """What the answer permits, such as `destroy it`."""
    command: str
    """The command without `--yes`, such as `down prod`."""
    untouched: str
    """What is true after any other answer, such as `nothing has been destroyed`."""


def check_terminal(stack: str, question: Question) -> None:
    """Check that the question can be asked.

    Raises:
        UsageError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            f"{stack}: there is no terminal to ask whether to {question.action}; {question.untouched}",
            hint=f"run `tools/notif-platform {question.command} --yes`",
        )


def confirm(stack: str, question: Question, *, yes: bool) -> None:
    """Ask for the name of the stack, unless `yes` answers that.

    Raises:
        PlatformError: the answer is another one.
        UsageError: there is no terminal to ask.
    """
    if yes:
        return
    check_terminal(stack, question)
    answer = typer.prompt(
        f"To {question.action}, enter its name ({stack})", default="", show_default=False, err=True
    )
    if answer != stack:
        raise PlatformError(f"{stack}: the answer was not the name of the stack; {question.untouched}")
