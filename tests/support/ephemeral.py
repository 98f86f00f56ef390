"""A disposable stack: a node through testcontainers, everything in it through Pulumi's Automation API."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra.cluster.local import node
from tests.support.deploy import BuiltImages, build_images, deploy, said, take_down
from tests.support.node_container import PROXY_PORT, SINK_PORT, start_node
from tests.support.place import EphemeralStack
from tools.dockerd import ensure_docker
from tools.node.images import ensure_images
from tools.toolchain import ensure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.toolchain import Toolchain


def parts() -> tuple[Toolchain, str]:
    """Return the programs and the name of the node's image, made where they are missing."""
    with said("programs and images"):
        toolchain = ensure()
        ensure_docker(packages=("debootstrap",))
        return toolchain, ensure_images().node


def start(name: str, image: str, folder: Path) -> tuple[EphemeralStack, BuiltImages]:
    """Start the node and build the operator's images beside it; the kubeconfig goes into `folder`."""
    with ThreadPoolExecutor(1) as pool, said(f"{name}: node and operator images"):
        building = pool.submit(build_images)
        started = start_node(stack=name, image=image)
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
    """Bring a disposable stack up, and take it away again whatever happens."""
    toolchain, image = parts()
    name = f"ci-{uuid.uuid4().hex[:6]}"
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-")))
        cleanup.callback(node.delete, name)
        stack, images = start(name, image, folder)
        cleanup.callback(take_down, stack, toolchain)
        deploy(stack, images, toolchain)
        yield stack
