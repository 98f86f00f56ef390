"""The node's image: the base image, the toolchain's programs for a node, the supervisor; and one with a network policy controller."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra.docker_client import BuildOptions, build_image, has_image, import_image
from tools.localcluster.image import sandbox
from tools.localcluster.image.base import base_tag, ensure_base
from tools.localcluster.image.commands import connected, owned_by_root
from tools.localcluster.toolchain import Toolchain, cache_dir, ensure
from tools.localcluster.toolchain.layout import architecture, group_hash
from tools.localcluster.toolchain.progress import Progress
from tools.localcluster.toolchain.sources.pins import GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

REPOSITORY = "notification-platform/node"
CURRENT_VERSION = "current"
"""The version of the image that this machine built last, which is the default of the infrastructure."""

_HERE = Path(__file__).parent
_PAUSE_TAG = "notification-platform/pause:1"
_NODE_GROUPS = ("kubernetes", "coredns", "containerd", "etcd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    base: str
    node: str


def ensure_images(*, network_policy: bool = False) -> Images:
    """Build both images unless they exist; return their tags. With both images this takes half a second.

    With `network_policy` the node's image is the one whose node enforces NetworkPolicies.
    """
    tags = Images(base=base_tag(), node=node_tag())
    with connected() as client:
        with Progress() as progress:
            ensure_base(client, progress)
        if not has_image(client, tags.node):
            toolchain = ensure(_NODE_GROUPS)
            with Progress() as progress, progress.step(tags.node, "building, about 40 s"):
                write = partial(write_context, toolchain=toolchain, pause=_pause_archive(client))
                _build(client, tags.node, {"BASE": tags.base}, write)
        client.images.get(tags.node).tag(REPOSITORY, CURRENT_VERSION)
        if network_policy:
            tags = Images(base=tags.base, node=ensure_network_policy_image(client, tags.node))
            client.images.get(tags.node).tag(REPOSITORY, CURRENT_VERSION + NETWORK_POLICY_SUFFIX)
    return tags


def ensure_base_image() -> None:
    """Build the base image unless it exists; this needs no program of the toolchain."""
    with connected() as client, Progress() as progress:
        ensure_base(client, progress)


def node_tag() -> str:
    """Return the node image's tag, which contains a hash of the base image, the programs and the files."""
    digest = hashlib.sha256(base_tag().encode() + sandbox.program(architecture()))
    for group in GROUPS:
        if group.name in _NODE_GROUPS:
            digest.update(group_hash(group).encode())
    inside = (file for file in sorted((_HERE / "inside").rglob("*")) if file.is_file())
    for file in (_HERE / "Dockerfile", *(file for file in inside if "__pycache__" not in file.parts)):
        digest.update(str(file.relative_to(_HERE)).encode() + b"\0" + file.read_bytes())
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def _build(
    client: DockerClient, tag: str, arguments: dict[str, str], write: Callable[[tarfile.TarFile], None]
) -> None:
    folder = cache_dir() / "node"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"build{NETWORK_POLICY_SUFFIX if tag.endswith(NETWORK_POLICY_SUFFIX) else ''}.log"
    with tempfile.TemporaryFile(prefix=".context-", dir=folder) as context:
        with tarfile.open(fileobj=context, mode="w") as archive:
            write(archive)
        context.seek(0)
        build_image(client, context, tag=tag, options=BuildOptions(arguments=arguments), log=log)


def write_context(archive: tarfile.TarFile, toolchain: Toolchain, pause: bytes) -> None:
    """Write the Dockerfile and what it copies: `inside/`, the programs, and the archive of the pause image."""
    archive.add(_HERE / "Dockerfile", "Dockerfile", filter=owned_by_root)
    archive.add(_HERE / "inside", "inside", filter=owned_by_root)
    for group in GROUPS:
        for program in group.programs if group.name in _NODE_GROUPS else ():
            _add_program(archive, program, toolchain.program(program).resolve())
    _add_bytes(archive, "pause.tar", pause, mode=0o644)


def _add_program(archive: tarfile.TarFile, program: str, file: Path) -> None:
    """Add a program, or a link to it if several programs are one file of another name."""
    if file.name == program:
        archive.add(file, f"bin/{program}", filter=owned_by_root)
        return
    if f"bin/{file.name}" not in archive.getnames():
        archive.add(file, f"bin/{file.name}", filter=owned_by_root)
    link = tarfile.TarInfo(f"bin/{program}")
    link.type, link.linkname = tarfile.SYMTYPE, file.name
    archive.addfile(link)


def _pause_archive(client: DockerClient) -> bytes:
    """Return the sandbox image as an archive, which the node's containerd imports at startup."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        _add_bytes(archive, "pause", sandbox.program(architecture()), mode=0o755)
    import_image(client, layer.getvalue(), _PAUSE_TAG, changes=('ENTRYPOINT ["/pause"]',))
    return b"".join(client.api.get_image(_PAUSE_TAG))


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))


_NETWORK_POLICY_DOCKERFILE = Path(__file__).with_name("Dockerfile.network-policy")
_KUBE_ROUTER = "kube-router"
NETWORK_POLICY_SUFFIX = "-network-policy"


def network_policy_tag(node: str) -> str:
    """Return the tag of the image that is built on the node's image `node`; it contains a hash of all that is in it."""
    (group,) = (group for group in GROUPS if group.name == _KUBE_ROUTER)
    digest = hashlib.sha256(f"{node} {group_hash(group)}".encode() + _NETWORK_POLICY_DOCKERFILE.read_bytes())
    return f"{node.rpartition(':')[0]}:{digest.hexdigest()[:12]}{NETWORK_POLICY_SUFFIX}"


def ensure_network_policy_image(client: DockerClient, node: str) -> str:
    """Build the image unless it exists, and return its tag."""
    tag = network_policy_tag(node)
    if not has_image(client, tag):
        toolchain = ensure([_KUBE_ROUTER])
        with Progress() as progress, progress.step(tag, "building, about 20 s"):
            write = partial(write_network_policy_context, program=toolchain.program(_KUBE_ROUTER))
            _build(client, tag, {"NODE": node}, write)
    return tag


def write_network_policy_context(archive: tarfile.TarFile, program: Path) -> None:
    archive.add(_NETWORK_POLICY_DOCKERFILE, "Dockerfile", filter=owned_by_root)
    archive.add(program.resolve(), f"bin/{_KUBE_ROUTER}", filter=owned_by_root)
