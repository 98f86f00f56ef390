"""The option `--version`, which every command line has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from notification_operator import __version__

if TYPE_CHECKING:
    from typer.models import OptionInfo


def version_option(program: str) -> OptionInfo:
    """Return the option that writes the name and the version of a program, and ends it."""

    def show(value: bool) -> None:  # noqa: FBT001 - a flag's callback
        if value:
            typer.echo(f"{program} {__version__}")
            raise typer.Exit

    option: OptionInfo = typer.Option("--version", callback=show, is_eager=True, help="Show the version.")
    return option
