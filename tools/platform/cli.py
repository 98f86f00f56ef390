"""The command line of the platform: one command per module in commands/, imported when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import command_app
from tools.platform.pulumi.environment import ROOT, drop_empty_passphrase

NAMES = (
    *("init", "preflight", "up", "status", "down", "rollback", "demo", "diff", "drift", "preview"),
    *("stacks", "promote", "policy", "crd-check", "alerts", "export", "release", "pulumi", "completion"),
)
COMMANDS = {name: f"tools.platform.commands.{name.replace('-', '_')}" for name in NAMES}

app = command_app(COMMANDS)


def _show_version(value: bool) -> None:  # noqa: FBT001 - a flag's callback
    if value:
        typer.echo(f"notif-platform {(ROOT / 'VERSION').read_text('utf-8').strip()}")
        raise typer.Exit


@app.callback()
def platform(
    *,
    version: Annotated[  # noqa: ARG001 - its callback has shown it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Deploy, inspect and check the notification platform.

    Every command accepts `--help`. Exit codes: 0 success, 1 failure, 2 wrong usage, 3 a difference was detected (`drift`,
    `crd-check`), 130 interrupted. See docs/ci.md.
    """
    drop_empty_passphrase()
