"""Set the image of one stack on a branch of this repository."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import stack_names
from tools.platform.console import err


def promote(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Image by digest: REGISTRY/NAME@sha256:DIGEST.")
    ],
    *,
    stack: Annotated[
        str,
        typer.Option(
            metavar="STACK",
            autocompletion=stack_names,
            help="By default the first stack in the order of deployment that has another image.",
        ),
    ] = "",
) -> None:
    """Set the image of one stack on a new branch.

    The name of the branch is printed, and no file of the checkout changes. Push the branch and open a pull request: its merge deploys the image, and the revert of its commit rolls back.

    Examples: `promote registry.example.com/operator@sha256:…`, `promote registry.example.com/operator@sha256:… --stack prod`.
    """
    # `--help` needs none of it.
    from tools.platform.deployment.promotion import Promotion, check_promoted, commit, next_stack  # noqa: PLC0415
    from tools.platform.deployment.waves import discover  # noqa: PLC0415
    from tools.platform.pulumi.stack_file import check_name  # noqa: PLC0415

    check_promoted(image)
    if stack:
        check_name(stack)
    following = next_stack(discover(), image)
    name = stack or (following.name if following else "")
    promotion = Promotion(stack=name, image=image)
    if not name or not commit(promotion):
        err.print(f"{name or 'Every stack that CI deploys'} has this image already.")
        return
    err.print(f"The branch {promotion.branch} sets the image of {name}. Push it and open a pull request.")
    typer.echo(promotion.branch)
