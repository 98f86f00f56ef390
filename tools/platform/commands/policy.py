"""Check a stack against the policies, without its cluster: the engine previews its resources with the pack of infra/."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import stack_names


def policy(
    stack: Annotated[
        str, typer.Argument(metavar="STACK", help="Stack to check.", autocompletion=stack_names)
    ] = "prod",
    *,
    broken: Annotated[
        bool,
        typer.Option(
            "--broken",
            help="Apply each change of infra/policy_pack/broken.yaml; its policy has to reject it.",
        ),
    ] = False,
) -> None:
    """Check a stack against the policies, without its cluster.

    Examples: `policy prod`, `policy --broken`.
    """
    from tools.platform.pulumi.policy import show  # noqa: PLC0415 - `--help` needs none of it

    show(stack, broken=broken)
