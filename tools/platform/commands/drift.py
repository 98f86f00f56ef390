"""Drift: what was changed in a cluster without Pulumi. Writes neither to the cluster nor to the stack's state."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.answer import Form, Output
from tools.platform.command_group import Stacks  # noqa: TC001 - typer reads it


def drift(
    stacks: Stacks = None,
    *,
    notify: Annotated[
        str,
        typer.Option(
            metavar="NAMESPACE",
            help="On drift, create a notification in this namespace of the stack's cluster.",
        ),
    ] = "",
    run_program: Annotated[
        bool,
        typer.Option(
            help="Use the credentials of the stack's settings, or those that the last `up` has recorded, which can have expired."
        ),
    ] = True,
    output: Output = Form.TEXT,
) -> None:
    """Report what was changed in the cluster without Pulumi.

    Nothing is written. The exit code is 3 if a stack has drifted, 1 if a stack could not be checked.

    Examples: `drift`, `drift staging prod -o json`, `drift prod --notify platform-alerts`.
    """
    from tools.platform.deployment.drift import show  # noqa: PLC0415 - `--help` needs none of it

    show(stacks or ["dev"], notify=notify, run_program=run_program, output=output)
