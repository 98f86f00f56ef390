"""Print the script with which a shell completes commands, options and stacks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="`bash`, `zsh` or `fish`.")],
) -> None:
    """Print the script that completes command lines in a shell.

    It completes commands, options and the names of stacks. `notif-platform` has to be on PATH, for example by `ln -s "$PWD/tools/notif-platform" ~/.local/bin/`.

    Examples: `source <(notif-platform completion bash)`, `notif-platform completion fish | source`.
    """
    from typer._completion_shared import get_completion_script  # noqa: PLC0415 - `--help` needs none of it

    name, variable = "notif-platform", "_NOTIF_PLATFORM_COMPLETE"
    typer.echo(get_completion_script(prog_name=name, complete_var=variable, shell=shell.value))
