"""`notif completion`: the script that completes commands in a shell."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from notification_cli.errors import ExitCode


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
) -> int:
    """Write the script that completes commands in a shell.

    Names of notifications, receivers, sources, namespaces and contexts are those of your cluster. `kubectl notif` needs no script.

    Examples: `source <(notif completion bash)` in ~/.bashrc, `source <(notif completion zsh)` in ~/.zshrc,
    `notif completion fish | source` in ~/.config/fish/config.fish.
    """
    sys.stdout.write(script("notif", shell))
    return ExitCode.OK


def script(program: str, shell: Shell) -> str:
    """Return the script with which a shell completes the command line of a program."""
    from typer._completion_shared import get_completion_script

    variable = f"_{program.upper().replace('-', '_')}_COMPLETE"
    return f"{get_completion_script(prog_name=program, complete_var=variable, shell=shell.value)}\n"
