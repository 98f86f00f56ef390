"""Prepares the container for a kubelet: mounts, cgroup, folders, rendered configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from notification_node import cgroups
from notification_node.facts import CONFIGS, LOGS, RENDERED, STORAGE

if TYPE_CHECKING:
    from notification_node.facts import Facts

_RENDERED_FILES = ("kubelet.yaml", "Corefile")
_VOLUMES = 4


def prepare(facts: Facts) -> None:
    """Prepare the container before any component starts; every step can run again after a restart."""
    for mount in ("/proc/sys", "/sys"):
        _run("mount", "-o", "remount,rw", mount)
    # Mounts must propagate between the kubelet and its pods.
    _run("mount", "--make-rshared", "/")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    cgroups.prepare(facts.cgroup_root)
    for folder in (LOGS, RENDERED):
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, _VOLUMES + 1):
        volume = STORAGE / str(number)
        volume.mkdir(parents=True, exist_ok=True)
        # A pod runs as any user, and fsGroup does not apply to a hostPath.
        volume.chmod(0o1777)
    render(facts)


def render(facts: Facts) -> None:
    nameservers = any(
        line.startswith("nameserver") for line in Path("/etc/resolv.conf").read_text().splitlines()
    )
    values = {
        "ip": facts.ip,
        "cgroup_root": facts.cgroup_root,
        "forward": "forward . /etc/resolv.conf" if nameservers else "",
    }
    for name in _RENDERED_FILES:
        (RENDERED / name).write_text(Template((CONFIGS / name).read_text()).substitute(values))


def _run(*command: str) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed: {process.stderr.strip()}")
