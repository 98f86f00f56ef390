"""The node image: its build context, and the tag that changes with its content."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from tools.localcluster.image import images
from tools.localcluster.toolchain import Toolchain
from tools.localcluster.toolchain.pins import GROUPS

if TYPE_CHECKING:
    from pathlib import Path


def context(folder: Path) -> dict[str, tarfile.TarInfo]:
    """Return the members of a build context by name; the toolchain's programs are empty files."""
    toolchain = Toolchain(root=folder)
    toolchain.bin.mkdir()
    for group in GROUPS:
        for program in group.programs:
            toolchain.program(program).touch(0o755)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        images.write_context(archive, toolchain, b"pause")
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        return {member.name: member for member in archive.getmembers()}


def test_context_contains_everything_that_the_dockerfile_copies(tmp_path: Path) -> None:
    names = context(tmp_path).keys()
    assert {
        "Dockerfile",
        "pause.tar",
        "inside/etc/kubelet.yaml",
        "inside/notification_node/ready.py",
    } <= names
    programs = {name.removeprefix("bin/") for name in names if name.startswith("bin/")}
    assert programs == {
        *("containerd", "containerd-shim-runc-v2", "coredns", "ctr", "etcd", "kube-apiserver"),
        *("kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"),
    }


def test_context_belongs_to_root_and_contains_no_bytecode(tmp_path: Path) -> None:
    members = context(tmp_path)
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}
    assert not any("__pycache__" in name for name in members)
    assert members["bin/kubelet"].mode & 0o111


def test_tag_depends_on_the_content_of_the_image() -> None:
    assert images.node_tag() == images.node_tag()
    assert images.node_tag().startswith("notification-platform/node:")
