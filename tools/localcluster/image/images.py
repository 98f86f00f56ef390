"""The node's image: the base, the toolchain's programs for a node, and the supervisor."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.image.commands import has_image, run
from tools.localcluster.image.debian import base_tag, ensure_base
from tools.localcluster.toolchain import Toolchain, cache_dir, ensure
from tools.localcluster.toolchain.layout import group_hash
from tools.localcluster.toolchain.pins import GROUPS
from tools.localcluster.toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

CURRENT = "notification-platform/node:current"
"""Always the image of the checkout that was made last; the infrastructure takes it when it is told no other."""

_HERE = Path(__file__).parent
_PAUSE = "notification-platform/pause:1"
_NODE_GROUPS = ("kubernetes", "coredns", "containerd", "etcd", "pause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The tags of both images."""

    base: str
    node: str


def ensure_images() -> Images:
    """Both images, made when they are not there; half a second when they are.

    Raises:
        NodeImageError: An image cannot be made here.
        ToolchainError: A program for the node cannot be had.
    """
    node = node_tag()
    if has_image(node) and has_image(base_tag()):
        run(["docker", "tag", node, CURRENT])
        return Images(base=base_tag(), node=node)
    toolchain = ensure(_NODE_GROUPS)
    with Progress() as progress:
        base = ensure_base(progress)
        if not has_image(node):
            with progress.step(node, "building it, about 40 s"):
                _build(node, base, toolchain)
    run(["docker", "tag", node, CURRENT])
    return Images(base=base, node=node)


def node_tag() -> str:
    """The node image's name; it changes with the base, the programs and the files that go into it."""
    digest = hashlib.sha256(base_tag().encode())
    for group in GROUPS:
        if group.name in _NODE_GROUPS:
            digest.update(group_hash(group).encode())
    for file in _own_files():
        digest.update(str(file.relative_to(_HERE)).encode() + b"\0" + file.read_bytes())
    return f"notification-platform/node:{digest.hexdigest()[:12]}"


def _own_files() -> Iterator[Path]:
    yield _HERE / "Dockerfile"
    for file in sorted((_HERE / "inside").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def _build(tag: str, base: str, toolchain: Toolchain) -> None:
    (cache_dir() / "node").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".context-", dir=cache_dir() / "node") as folder:
        context = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_HERE / "inside", context / "inside", ignore=ignored)
        shutil.copyfile(_HERE / "Dockerfile", context / "Dockerfile")
        _collect_programs(toolchain, context / "bin")
        _save_pause(context)
        log = cache_dir() / "node" / "build.log"
        run(["docker", "build", "--build-arg", f"BASE={base}", "--tag", tag, str(context)], log=log)


def _collect_programs(toolchain: Toolchain, into: Path) -> None:
    into.mkdir()
    programs = [program for group in GROUPS if group.name in _NODE_GROUPS for program in group.programs]
    for program in programs:
        shutil.copy(toolchain.program(program), into / program)


def _save_pause(context: Path) -> None:
    """The sandbox image as an archive, for the node's containerd to import at its start."""
    tree = context / "pause.rootfs.tar"
    run(["tar", "--create", f"--file={tree}", f"--directory={context / 'bin'}", "pause"])
    run(["docker", "import", "--change", 'ENTRYPOINT ["/pause"]', str(tree), _PAUSE])
    run(["docker", "save", f"--output={context / 'pause.tar'}", _PAUSE])
    tree.unlink()
    (context / "bin" / "pause").unlink()
