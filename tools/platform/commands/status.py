"""Show what a stack runs, where, since when, and whether its operator is ready."""

from __future__ import annotations

from tools.platform.answer import Form, Output
from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it


def status(stack: Stack, *, output: Output = Form.TEXT) -> None:
    """Show the state of a stack.

    The state is the last update, the cluster, the image, and whether the operator is ready. Nothing is changed. The exit code is 1 if the stack is not up, or its operator is not ready.

    Examples: `status dev`, `status prod -o json`.
    """
    from tools.platform.deployment.status import show  # noqa: PLC0415 - `--help` needs none of it

    show(stack, output)
