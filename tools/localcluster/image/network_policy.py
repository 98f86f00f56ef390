"""The node's image with a network policy controller: built on the node's image, and only on request."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra.docker_client import BuildOptions, build_image, has_image
from tools.localcluster.image.context import owned_by_root
from tools.localcluster.toolchain import Toolchain, cache_dir, ensure
from tools.localcluster.toolchain.layout import group_hash
from tools.localcluster.toolchain.progress import Progress
from tools.localcluster.toolchain.sources.pins import GROUPS

if TYPE_CHECKING:
    from docker import DockerClient

DOCKERFILE = Path(__file__).with_name("Dockerfile.network-policy")
GROUP = "kube-router"
SUFFIX = "-network-policy"


def network_policy_tag(node: str) -> str:
    """Return the tag of the image that is built on the node's image `node`; it contains a hash of all that is in it."""
    (group,) = (group for group in GROUPS if group.name == GROUP)
    digest = hashlib.sha256(f"{node} {group_hash(group)}".encode() + DOCKERFILE.read_bytes())
    return f"{node.rpartition(':')[0]}:{digest.hexdigest()[:12]}{SUFFIX}"


def ensure_network_policy_image(client: DockerClient, node: str) -> str:
    """Build the image unless it exists, and return its tag.

    Raises:
        ToolchainError: kube-router is not available and cannot be built.
        DockerError: Docker cannot build the image.
    """
    tag = network_policy_tag(node)
    if not has_image(client, tag):
        toolchain = ensure([GROUP])
        with Progress() as progress, progress.step(tag, "building, about 20 s"):
            _build(client, tag, node, toolchain)
    return tag


def _build(client: DockerClient, tag: str, node: str, toolchain: Toolchain) -> None:
    folder = cache_dir() / "node"
    with tempfile.TemporaryFile(prefix=".context-", dir=folder) as context:
        with tarfile.open(fileobj=context, mode="w") as archive:
            write_context(archive, toolchain.program(GROUP))
        context.seek(0)
        options = BuildOptions(arguments={"NODE": node})
        build_image(client, context, tag=tag, options=options, log=folder / f"build{SUFFIX}.log")


def write_context(archive: tarfile.TarFile, program: Path) -> None:
    """Write the Dockerfile and the program that it copies."""
    archive.add(DOCKERFILE, "Dockerfile", filter=owned_by_root)
    archive.add(program.resolve(), f"bin/{GROUP}", filter=owned_by_root)
