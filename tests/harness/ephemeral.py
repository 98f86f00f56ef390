"""A disposable stack: a node through testcontainers, everything in it through Pulumi's Automation API."""

from __future__ import annotations

import contextlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pulumi.automation import CommandError
from rich.console import Console

from platform_infra.cluster.local import node
from tests.harness.claims import claimed, release
from tests.harness.deploy import BuiltImages, build_images, deploy, forget_stacks, progress, take_down
from tests.harness.leftovers import OWNER_LABEL, owner, remove_leftovers
from tests.harness.node_container import PROXY_PORT, SINK_PORT, start_node
from tests.harness.place import KEPT, EphemeralStack, use_own_backend
from tests.harness.programs import undisturbed
from tools.localcluster.image.images import ensure_images
from tools.localcluster.runtime.dockerd import ensure_docker
from tools.localcluster.toolchain import ensure
from tools.platform.processes import terminated_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def parts() -> str:
    """Provide programs and images, and return the name of the node's image."""
    use_own_backend()
    with progress("programs and images"):
        ensure()
        ensure_docker()
        return ensure_images().node


def start(name: str, image: str, folder: Path) -> tuple[EphemeralStack, BuiltImages]:
    """Start the node, and build the operator's images at the same time; the kubeconfig goes into `folder`."""
    with ThreadPoolExecutor(1) as pool, progress(f"{name}: node and operator images"):
        building = pool.submit(build_images)
        started = start_node(stack=name, image=image, labels={OWNER_LABEL: owner()})
        images = building.result()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(started.info.kubeconfig)
    stack = EphemeralStack(
        name=name,
        container=started.info.name,
        kubeconfig=str(kubeconfig),
        sink=f"http://127.0.0.1:{started.ports[SINK_PORT]}",
        proxy=f"http://127.0.0.1:{started.ports[PROXY_PORT]}",
    )
    return stack, images


@contextlib.contextmanager
def ephemeral_stack() -> Iterator[EphemeralStack]:
    """Create a disposable stack, and always remove it, also on SIGTERM and Ctrl-C."""
    image = parts()
    remove_leftovers()
    name = f"ci-{uuid.uuid4().hex[:6]}"
    with terminated_as_interrupted(), claimed(name) as folder, contextlib.ExitStack() as cleanup:
        cleanup.callback(_clean_up, folder)
        stack, images = start(name, image, folder)
        cleanup.callback(_destroy, stack)
        deploy(stack, images)
        yield stack


def _destroy(stack: EphemeralStack) -> None:
    """Have the engine destroy its resources; if it cannot, its state is removed with the node."""
    if _is_kept(stack.name):
        return
    try:
        with undisturbed(), progress(f"{stack.name}: destroying it"):
            take_down(stack)
    except CommandError as error:
        Console(stderr=True).print(f"{stack.name}: {error}", markup=False)


def _clean_up(folder: Path) -> None:
    with undisturbed(), progress(f"{folder.name}: taking the node away"):
        if not _is_kept(folder.name):
            node.delete(folder.name)
            forget_stacks(folder.name)
        release(folder)


def _is_kept(name: str) -> bool:
    """Return whether the stack is kept after its run."""
    return (KEPT / name).exists()
