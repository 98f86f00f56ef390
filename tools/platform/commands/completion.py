"""Print the script with which a shell completes commands, options and stacks."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.commands.completion import Shell, script


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="`bash`, `zsh` or `fish`.")],
) -> None:
    """Print the script that completes command lines in a shell.

    It completes commands, options and the names of stacks. `notif-platform` has to be on PATH, for example by `ln -s "$PWD/tools/notif-platform" ~/.local/bin/`.

    Examples: `source <(notif-platform completion bash)`, `notif-platform completion fish | source`.
    """
    typer.echo(script("notif-platform", shell), nl=False)
