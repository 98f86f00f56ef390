"""The programs that the platform and its local cluster run: Pulumi, Kubernetes, containerd and others."""

from __future__ import annotations

import typer

from tools.localcluster.toolchain import __main__ as toolchain_command
from tools.platform.options import PASS_THROUGH

app = typer.Typer(add_completion=False)


@app.command(context_settings={**PASS_THROUGH, "help_option_names": []})
def toolchain(context: typer.Context) -> None:
    """Download or build every program that the local cluster needs.

    All arguments go to `tools.localcluster.toolchain`, which also runs without a virtual environment.

    Examples: `toolchain`, `toolchain --list`, `toolchain --only pulumi`.
    """
    raise typer.Exit(toolchain_command.main(context.args))
