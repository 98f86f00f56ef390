"""Programs from Debian packages: apt downloads a package and checks its signature; the package is not installed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.sources.pins import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from tools.localcluster.toolchain.processes import Children
    from tools.localcluster.toolchain.sources.pins import Package

_LISTS = ["apt-get", "update", "--quiet"]


def debian_problem() -> str | None:
    """Return why this machine cannot download packages, with the next step, or None if it can."""
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if not missing:
        return None
    return f"{missing[0]} is not on PATH: install the programs at this version and put them on PATH"


def extract(package: Package, into: Path, *, scratch: Path, log: Path, children: Children) -> None:
    """Extract the package's programs into the folder `into`; the package itself goes to `scratch`."""
    _download(package, scratch, log, children)
    (archive,) = scratch.glob(f"{package.name}_*.deb")
    tree = scratch / "tree"
    children.run(["dpkg-deb", "--extract", str(archive), str(tree)], cwd=scratch, env=os.environ, log=log)
    for program, path in package.files.items():
        shutil.move(tree / path, into / program)


def _download(package: Package, folder: Path, log: Path, children: Children) -> None:
    """Download the package; if the package lists do not contain it, update them and download again."""
    command = ["apt-get", "download", "--quiet", f"{package.name}={package.version}*"]
    try:
        children.run(command, cwd=folder, env=os.environ, log=log)
    except ToolchainError:
        if os.geteuid() != 0:
            raise
        children.run(_LISTS, cwd=folder, env=os.environ, log=log)
        children.run(command, cwd=folder, env=os.environ, log=log)
