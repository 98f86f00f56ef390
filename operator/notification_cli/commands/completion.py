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
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="notif", complete_var="_NOTIF_COMPLETE", shell=shell.value)
    sys.stdout.write(f"{script}\n")
    return ExitCode.OK
