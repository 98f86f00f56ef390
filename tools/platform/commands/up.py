"""Bring a stack up: programs, images, cluster, operator. Running it again changes nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from platform_infra.cluster.local import node
from platform_infra.settings.cluster import ClusterKind
from tools.localcluster.image.images import ensure_images
from tools.localcluster.runtime.dockerd import ensure_docker
from tools.localcluster.toolchain import ensure
from tools.platform.console import err, out
from tools.platform.options import Stack  # noqa: TC001 - typer reads it
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.kubeconfig import drop_kubeconfig, write_kubeconfig
from tools.platform.pulumi.recorded import check_protection, check_provider
from tools.platform.pulumi.stack import open_with_settings, outputs
from tools.platform.pulumi.stack import up as update
from tools.platform.pulumi.stack_file import check_stack_file, imports_environments

if TYPE_CHECKING:
    from pulumi.automation import Stack as PulumiStack
    from rich.console import Console

    from tools.localcluster.toolchain import Toolchain

app = typer.Typer(add_completion=False)

SecretsProvider = Annotated[
    str,
    typer.Option(
        metavar="URL",
        help="Secrets provider of a new stack, such as `awskms://alias/NAME?region=REGION`; by default that of its file, or a "
        "passphrase.",
    ),
]


@app.command()
def up(
    stack: Stack = "dev",
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read the cluster first, and undo changes that `drift` reports.")
    ] = False,
    secrets_provider: SecretsProvider = "",
) -> None:
    """Bring a stack up: cluster, image and operator.

    The first run downloads or builds what is missing. Running it again changes nothing.

    Examples: `up` for the stack dev, `up staging` for another one, `up staging --refresh` to undo drift.
    """
    bring_up(stack, out, refresh=refresh, secrets_provider=secrets_provider)


def bring_up(name: str, console: Console, *, refresh: bool = False, secrets_provider: str = "") -> None:
    """Bring the stack up and print how to use it."""
    start = time.monotonic()
    stack, toolchain = prepare(name, secrets_provider=secrets_provider)
    values, changed = update(stack, refresh=refresh)
    seconds = time.monotonic() - start
    console.print(f"\n{name} is up after {seconds:.0f} s, {'changed' if changed else 'nothing to change'}.")
    if "kubeconfig" in values:
        file = write_kubeconfig(name, values["kubeconfig"])
        console.print(f"  export KUBECONFIG={file} PATH={toolchain.bin}:$PATH\n  kubectl get notif -A")
    else:
        # An earlier release wrote a copy of the whole kubeconfig.
        drop_kubeconfig(name)
        console.print(
            f"  export PATH={toolchain.bin}:$PATH\n  kubectl --context {values['context']} get notif -A"
        )


def prepare(name: str, *, secrets_provider: str = "") -> tuple[PulumiStack, Toolchain]:
    """Open the stack and provide what it needs on this machine; a remote cluster needs only the engine.

    Raises:
        StackFileError: the configuration cannot be used; nothing has been downloaded or created.
    """
    check_protection(name, provider=secrets_provider)
    if not imports_environments(name):
        check_stack_file(name)
    toolchain = ensure(ENGINE_GROUPS)
    check_provider(name, secrets_provider)
    stack, settings = open_with_settings(name, toolchain=toolchain, secrets_provider=secrets_provider)
    if settings.cluster.kind == ClusterKind.LOCAL:
        toolchain = local_parts(network_policy=settings.cluster.local.network_policy)
        report_missing_node(stack)
    return stack, toolchain


def report_missing_node(stack: PulumiStack) -> None:
    """Print that the node of an earlier `up` no longer runs, and what this run does about it."""
    if node.read(stack.name) is None and (container := outputs(stack).get("node")):
        err.print(
            f"The node {container} of {stack.name} is missing or stopped: it is created again, with every object of the stack. "
            "Notifications and files that were in it are lost."
        )


def local_parts(*, network_policy: bool = False) -> Toolchain:
    """Provide what a local node needs: programs, Docker, images."""
    toolchain = ensure()
    ensure_docker(packages=("debootstrap",))
    ensure_images(network_policy=network_policy)
    return toolchain
