"""Take a stack down: its resources, its state and its kubeconfig."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it


def down(
    stack: Stack = "dev",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for example in CI.")] = False,
    run_program: Annotated[
        bool,
        typer.Option(
            "--run-program",
            help="Use the credentials of the stack's settings, because those that the last `up` has recorded have expired.",
        ),
    ] = False,
    cluster_gone: Annotated[
        bool,
        typer.Option(
            "--cluster-gone",
            help="The cluster no longer exists: forget its objects, and delete the rest. Refused while it answers.",
        ),
    ] = False,
) -> None:
    """Destroy a stack with all its resources.

    Everything in its namespace is destroyed, too. A stack that is not up is no error; one whose file was deleted can be destroyed. A stack whose cluster holds previews is not destroyed. If the cluster is not a
    node on this machine, the command shows what it destroys and asks for the name of the stack.

    Examples: `down` for the stack dev, `down staging` for another one.
    """
    if run_program and cluster_gone:
        raise typer.BadParameter("--run-program and --cluster-gone exclude each other; leave out one of them")
    from tools.platform.pulumi.removal.takedown import take_down_known  # noqa: PLC0415 - `--help` needs none of it

    take_down_known(stack, yes=yes, run_program=run_program, cluster_gone=cluster_gone)
