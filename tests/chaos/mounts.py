"""Commands that execute the operator in a mount namespace of its own: a small disk, or the files of a pod's account.

An unprivileged user needs user namespaces, which some distributions disable.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "/run/secrets/kubernetes.io"


def on_small_disk(folder: Path, kilobytes: int) -> tuple[str, ...]:
    """Return a prefix that mounts an empty disk of a size at a folder; see `inside`."""
    return _privately(f"mount -t tmpfs -o size={kilobytes}k tmpfs '{folder}'")


def with_account_files(folder: Path) -> tuple[str, ...]:
    """Return a prefix that shows a folder as the files of the pod's service account."""
    return _privately(
        f"mount -t tmpfs tmpfs /run && mkdir -p {ACCOUNT} && ln -s '{folder}' {ACCOUNT}/serviceaccount"
    )


def inside(pid: int, path: Path) -> str:
    """Return a path as a process sees it."""
    return f"/proc/{pid}/root{path}"


def _privately(setup: str) -> tuple[str, ...]:
    mapped = () if os.geteuid() == 0 else ("--map-root-user",)
    return ("unshare", *mapped, "--mount", "sh", "-ec", f'{setup}; exec "$@"', "operator")
