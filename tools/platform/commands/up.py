"""Bring a stack up from nothing: programs, images, cluster, operator. A second time it finds all in place."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from pulumi.automation import CommandError
from rich.console import Console

from platform_infra.settings.cluster import ClusterKind
from tools.localcluster.image.commands import NodeImageError
from tools.localcluster.image.images import ensure_images
from tools.localcluster.runtime.dockerd import DockerUnavailableError, ensure_docker
from tools.localcluster.toolchain import ToolchainError, ensure
from tools.platform.errors import INTERRUPTED, STOPPED, explained
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.kubeconfig import write_kubeconfig
from tools.platform.pulumi.stack import open_stack, up
from tools.platform.pulumi.stack_file import StackFileError, check_secrets, check_stack_file

if TYPE_CHECKING:
    from tools.localcluster.toolchain import Toolchain

PROBLEMS = (CommandError, DockerUnavailableError, NodeImageError, StackFileError, ToolchainError)
"""What can keep a stack from coming up; each says what to do."""


def bring_up(name: str, console: Console) -> None:
    """Bring the stack up and say how to use it.

    Raises:
        Exception: one of PROBLEMS.
    """
    start = time.monotonic()
    toolchain = _prepare(name)
    made, changed = up(open_stack(name, toolchain=toolchain))
    file = write_kubeconfig(name, made["kubeconfig"])
    took = time.monotonic() - start
    console.print(f"\n{name} is up after {took:.0f} s, {'changed' if changed else 'nothing to change'}.")
    console.print(
        f"  export KUBECONFIG={file} PATH={toolchain.bin}:$PATH\n  kubectl get notif -A", highlight=False
    )


def _prepare(name: str) -> Toolchain:
    """Get what the stack needs of this machine; a cluster elsewhere needs no more than the engine."""
    check_secrets(name)
    if check_stack_file(name).cluster.kind != ClusterKind.LOCAL:
        return ensure(ENGINE_GROUPS)
    return local_parts()


def local_parts() -> Toolchain:
    """Get what a node on this machine needs: programs, Docker, images."""
    toolchain = ensure()
    ensure_docker(packages=("debootstrap",))
    ensure_images()
    return toolchain


def main(arguments: list[str]) -> int:
    """Run the command."""
    console = Console()
    try:
        bring_up(arguments[0] if arguments else "dev", console)
    except PROBLEMS as error:
        console.print(f"error: {explained(error)}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(INTERRUPTED)
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
