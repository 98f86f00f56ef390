"""Bring a stack up: programs, images, cluster, operator. Running it again changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it
from tools.platform.console import out

SecretsProvider = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="Secrets provider of a new stack, such as `awskms://alias/NAME?region=REGION`; by default that of its file, or a "
        "passphrase.",
    ),
]


def up(  # noqa: PLR0913 - one argument per option
    stack: Stack = "dev",
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read the cluster first, and undo changes that `drift` reports.")
    ] = False,
    secrets_provider: SecretsProvider = "",
    with_policy: Annotated[
        bool,
        typer.Option(
            "--policy", help="Let the policies check the update first; a violation changes nothing."
        ),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Show which objects exist in the cluster and are in no state, ask, and take them over.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for example in CI.")] = False,
) -> None:
    """Bring a stack up: cluster, image and operator.

    The first run downloads or builds what is missing. Running it again changes nothing. An object that exists in the cluster and is
    in no state is refused without `--adopt`. If the cluster is not a node on this machine, the command shows what it changes and asks
    for the name of the stack.

    Examples: `up` for the stack dev, `up staging --policy` for another one, `up staging --refresh` to undo drift, `up prod --adopt`
    after the state was lost.
    """
    from tools.platform.deployment.update import Options, bring_up  # noqa: PLC0415 - `--help` needs none of it

    options = Options(
        refresh=refresh, secrets_provider=secrets_provider, with_policy=with_policy, adopt=adopt, yes=yes
    )
    bring_up(stack, out, options)
