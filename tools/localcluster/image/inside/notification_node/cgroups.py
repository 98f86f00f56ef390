"""The node's own cgroup, without which a kubelet would treat the pods of another node on the machine as orphans.

`python3 -m notification_node.cgroups remove /<root>` removes it when the node is deleted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
_COPIED_DOWN = ("cpuset.cpus", "cpuset.mems")


def prepare(root: str) -> None:
    if (CGROUPS / "cgroup.controllers").exists():
        _delegate_unified()
        return
    for controller in _controllers():
        folder = controller / root.lstrip("/")
        folder.mkdir(exist_ok=True)
        for name in _COPIED_DOWN:
            if (controller / name).exists():
                (folder / name).write_text((controller / name).read_text())


def remove(root: str) -> None:
    """Remove the cgroup and its children."""
    for controller in _controllers():
        folder = controller / root.lstrip("/")
        for below, _, _ in os.walk(folder, topdown=False):
            Path(below).rmdir()


def _controllers() -> list[Path]:
    """Return the hierarchies of cgroup v1 without the links to them, such as cpu for cpu,cpuacct."""
    return [folder for folder in CGROUPS.iterdir() if folder.is_dir() and not folder.is_symlink()]


def _delegate_unified() -> None:
    """Move all processes to a leaf, because a cgroup v2 with processes cannot have children with controllers."""
    leaf = CGROUPS / "init"
    leaf.mkdir(exist_ok=True)
    for process in (CGROUPS / "cgroup.procs").read_text().split():
        (leaf / "cgroup.procs").write_text(process)
    controllers = (CGROUPS / "cgroup.controllers").read_text().split()
    (CGROUPS / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["remove", name] if name.strip("/"):
            remove(name)
        case _:
            sys.exit("usage: python3 -m notification_node.cgroups remove /NAME")
