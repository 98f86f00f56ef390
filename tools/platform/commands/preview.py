"""Preview stacks: one per pull request, with its own namespace and operator in the cluster of a base stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.platform.answer import Form, Output
from tools.platform.command_group import command_app, stack_names

FUNCTIONS = {"up": "up", "list": "list_", "down": "down", "reap": "reap"}
app = command_app(
    {name: f"tools.platform.commands.preview:{function}" for name, function in FUNCTIONS.items()}
)

Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        envvar="PREVIEW_KUBECONFIG",
        exists=True,
        dir_okay=False,
        help="Kubeconfig of the account for previews, for a backend that does not hold the base.",
    ),
]
Base = Annotated[
    str,
    typer.Option(
        help="Stack that owns the cluster; previews are in its backend.", autocompletion=stack_names
    ),
]
Registry = Annotated[
    str,
    typer.Option(
        help="Delete the images of the preview in this repository, which holds images of previews only."
    ),
]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the pull request.")]


@app.callback()
def preview() -> None:
    """Manage preview stacks: one per pull request.

    A preview has its own namespace and operator in the cluster of a base stack; the CRD is that of the base. The tags of its
    stack hold owner and expiry. A stack without these tags is never changed.
    """


def up(  # noqa: PLR0913 - one argument per option
    number: Number,
    *,
    base: Base = "dev",
    own_cluster: Annotated[
        bool,
        typer.Option("--own-cluster", help="Create a cluster on this machine, with its own CRD."),
    ] = False,
    image: Annotated[
        str, typer.Option(help="Image that the cluster can pull; by default one is built.")
    ] = "",
    registry: Annotated[
        str, typer.Option(help="Push the built image to this repository, for a remote cluster.")
    ] = "",
    owner: Annotated[str, typer.Option(help="Owner of the preview; by default the current user.")] = "",
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="Hours until the preview expires.")] = 72,
    kubeconfig: Kubeconfig = None,
    secrets_provider: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="PREVIEW_SECRETS_PROVIDER",
            help="Secrets provider of a new preview; by default that of the template, or else that of its base.",
        ),
    ] = "",
    summary_file: Annotated[
        Path | None, typer.Option("--summary", dir_okay=False, help="Write the summary to this file, too.")
    ] = None,
) -> None:
    """Create or update a preview, and renew its expiry.

    Examples: `preview up 1`, `preview up 1 --base staging --registry registry.example.com/previews/operator`.
    """
    from tools.platform.preview import lifecycle  # noqa: PLC0415 - `--help` needs none of it

    lifecycle.create(
        number,
        base=base,
        own_cluster=own_cluster,
        image=image,
        registry=registry,
        owner=owner,
        hours=hours,
        kubeconfig=kubeconfig,
        secrets_provider=secrets_provider,
        summary_file=summary_file,
    )


def list_(*, base: Base = "dev", output: Output = Form.TEXT) -> None:
    """List the previews with their expiry and health.

    Examples: `preview list`, `preview list -o json`.
    """
    from tools.platform.preview import lifecycle  # noqa: PLC0415 - `--help` needs none of it

    lifecycle.show(base=base, output=output)


def down(
    number: Number, *, base: Base = "dev", kubeconfig: Kubeconfig = None, registry: Registry = ""
) -> None:
    """Take a preview down; a preview that does not exist is no error.

    Example: `preview down 1`.
    """
    from tools.platform.preview import lifecycle  # noqa: PLC0415 - `--help` needs none of it

    lifecycle.delete(number, base=base, kubeconfig=kubeconfig, registry=registry)


def reap(
    *,
    yes: Annotated[bool, typer.Option("--yes/--dry-run", help="Take them down, or only list them.")] = False,
    closed: Annotated[
        list[int] | None, typer.Option(help="Number of a closed pull request; may be repeated.")
    ] = None,
    base: Base = "dev",
    kubeconfig: Kubeconfig = None,
    registry: Registry = "",
) -> None:
    """List expired previews, or take them down with --yes.

    A preview whose pull request is closed counts as expired.

    Examples: `preview reap`, `preview reap --yes --closed 12 --closed 15`.
    """
    from tools.platform.preview import lifecycle  # noqa: PLC0415 - `--help` needs none of it

    lifecycle.reap(yes=yes, closed=closed or (), base=base, kubeconfig=kubeconfig, registry=registry)
