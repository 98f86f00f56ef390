"""Bring a stack up: programs, images, cluster, operator. Running it again changes nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from platform_infra.image import build as image_build
from platform_infra.settings.cluster import ClusterKind
from tools.localcluster.image.images import ensure_base_image, ensure_images
from tools.localcluster.runtime.dockerd import ensure_docker
from tools.localcluster.toolchain import ensure
from tools.platform.console import out
from tools.platform.options import Stack  # noqa: TC001 - typer reads it
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.kubeconfig import drop_kubeconfig, write_kubeconfig
from tools.platform.pulumi.stack import open_with_settings
from tools.platform.pulumi.stack import up as update
from tools.platform.pulumi.stack_file import check_secrets, check_stack_file, imports_environments

if TYPE_CHECKING:
    from pulumi.automation import Stack as PulumiStack
    from rich.console import Console

    from platform_infra.settings.model import Settings
    from tools.localcluster.toolchain import Toolchain

app = typer.Typer(add_completion=False)


@app.command()
def up(stack: Stack = "dev") -> None:
    """Bring a stack up: cluster, image and operator.

    The first run downloads or builds what is missing. Running it again changes nothing.

    Examples: `up` for the stack dev, `up staging` for another one.
    """
    bring_up(stack, out)


def bring_up(name: str, console: Console) -> None:
    """Bring the stack up and print how to use it."""
    start = time.monotonic()
    stack, toolchain = prepare(name)
    values, changed = update(stack)
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


def prepare(name: str) -> tuple[PulumiStack, Toolchain]:
    """Open the stack and provide what it needs on this machine; a remote cluster needs only the engine.

    Raises:
        StackFileError: the configuration cannot be used; nothing has been downloaded or created.
    """
    check_secrets(name)
    # Without an environment, the stack's file says what is needed, so all of it is provided at once.
    early = None if imports_environments(name) else _LocalParts.of(check_stack_file(name))
    toolchain = early.provide() if early else ensure(ENGINE_GROUPS)
    stack, settings = open_with_settings(name, toolchain=toolchain)
    needed = _LocalParts.of(settings)
    if needed and needed != early:
        toolchain = needed.provide()
    return stack, toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class _LocalParts:
    """What a stack needs on this machine besides the programs."""

    network_policy: bool
    base: str | None
    """The base of the operator's image, or None if the image comes from a registry."""

    @classmethod
    def of(cls, settings: Settings) -> _LocalParts | None:
        """Return what a stack with a local cluster needs; a remote cluster needs nothing."""
        if settings.cluster.kind != ClusterKind.LOCAL:
            return None
        operator = settings.operator
        builds = operator.enabled and not operator.image
        network_policy = settings.cluster.local.network_policy
        return cls(network_policy=network_policy, base=operator.base_image if builds else None)

    def provide(self) -> Toolchain:
        return local_parts(network_policy=self.network_policy, base=self.base)


def local_parts(*, network_policy: bool = False, base: str | None = None) -> Toolchain:
    """Provide what a local node needs: programs, Docker, images.

    With `base`, the operator's image is built on it too; an empty `base` selects the default. What needs no program is built
    while the programs are compiled.
    """
    ensure_docker(packages=("debootstrap",))
    with ThreadPoolExecutor(1) as pool:
        base_image = pool.submit(ensure_base_image)
        operator_image = pool.submit(_build_operator_image, base)
        toolchain = ensure()
        base_image.result()
        ensure_images(network_policy=network_policy)
        operator_image.result()
    return toolchain


def _build_operator_image(base: str | None) -> None:
    if base is not None:
        image_build.build(image=image_build.image_name(base), base=base)
