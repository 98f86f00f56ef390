"""Roll a stack back to its previous deployment: image and settings, not the program and not the CRD."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it
from tools.platform.console import out


def rollback(
    stack: Stack = "dev",
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings that would change; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for example in CI.")] = False,
) -> None:
    """Roll a stack back to its previous deployment.

    Image and settings of the latest successful deployment that differs from the current one are written to the stack's file, then `up` runs. The program and the CRD stay those
    of the checkout, so existing objects stay valid. If the cluster is not a node on this machine, the command shows the settings that it
    changes and asks for the name of the stack.

    Examples: `rollback`, `rollback prod --dry-run`.
    """
    from tools.platform.deployment.rollback import roll_back  # noqa: PLC0415 - `--help` needs none of it

    roll_back(stack, out, dry_run=dry_run, yes=yes)
