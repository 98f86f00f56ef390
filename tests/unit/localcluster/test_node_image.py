"""The node image: its build context, and the tag that changes with its content."""

from __future__ import annotations

import importlib
import io
import re
import tarfile
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tools.localcluster.image import images
from tools.localcluster.toolchain import Toolchain
from tools.localcluster.toolchain.sources.pins import GROUPS

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


def test_programs_of_one_file_are_links_in_the_context(tmp_path: Path) -> None:
    toolchain = Toolchain(root=tmp_path)
    toolchain.bin.mkdir()
    for group in GROUPS:
        for program in group.programs:
            toolchain.program(program).touch(0o755)
    (tmp_path / "kubernetes").touch(0o755)
    for program in ("kubectl", "kubelet"):
        toolchain.program(program).unlink()
        toolchain.program(program).symlink_to(tmp_path / "kubernetes")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        images.write_context(archive, toolchain, b"pause")
        links = {member.name: member.linkname for member in archive.getmembers() if member.issym()}
        assert links == {"bin/kubectl": "kubernetes", "bin/kubelet": "kubernetes"}
        assert archive.getnames().count("bin/kubernetes") == 1


def test_context_belongs_to_root_and_contains_no_bytecode(tmp_path: Path) -> None:
    members = context(tmp_path)
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}
    assert not any("__pycache__" in name for name in members)
    assert members["bin/kubelet"].mode & 0o111


def test_network_policy_image_adds_one_program(tmp_path: Path) -> None:
    program = tmp_path / "kube-router"
    program.touch(0o755)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        images.write_network_policy_context(archive, program)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        assert archive.getnames() == ["Dockerfile", "bin/kube-router"]


def test_tag_of_the_network_policy_image_depends_on_the_node_image() -> None:
    tags = {images.network_policy_tag(f"notification-platform/node:{name}") for name in ("a", "b")}
    assert len(tags) == 2
    assert all(re.fullmatch("notification-platform/node:[0-9a-f]{12}-network-policy", tag) for tag in tags)


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The modules that run in the node, which imports them under their own name."""
    monkeypatch.syspath_prepend(str(images.__file__.rpartition("/")[0] + "/inside"))
    names = ("components", "facts", "ready")
    return SimpleNamespace(**{name: importlib.import_module(f"notification_node.{name}") for name in names})


def test_components_and_probes_follow_the_options(
    inside: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = inside.facts.Facts.find()
    for option in ("NODE_NETWORK_POLICY", "NODE_PRIORITY_AND_FAIRNESS"):
        monkeypatch.setenv(option, "true")
    complete = inside.facts.Facts.find()
    assert "kube-router" not in inside.ready.components(plain)
    assert "kube-router" in inside.ready.components(complete)
    for facts, enabled in ((plain, "false"), (complete, "true")):
        (server,) = (each for each in inside.components.foundation(facts) if each.name == "kube-apiserver")
        assert f"--enable-priority-and-fairness={enabled}" in server.command


def test_tag_depends_on_the_content_of_the_image() -> None:
    assert images.node_tag() == images.node_tag()
    assert images.node_tag().startswith("notification-platform/node:")
