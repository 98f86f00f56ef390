"""Programs out of Debian's packages, fetched by apt, which checks their signatures, and not installed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

    from tools.localcluster.toolchain.group import Package
    from tools.localcluster.toolchain.processes import Children

_LISTS = ["apt-get", "update", "--quiet"]


def debian_problem() -> str | None:
    """Why no package can be fetched here, with the remedy; None when one can."""
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if not missing:
        return None
    return f"there is no {missing[0]}: install the programs at this version and put them on PATH"


def take(package: Package, into: Path, *, scratch: Path, log: Path, children: Children) -> None:
    """Puts the package's programs into the folder `into`; `scratch` is for the package itself.

    Raises:
        ToolchainError: The package cannot be had; the text holds the end of apt's output.
    """
    _download(package, scratch, log, children)
    (archive,) = scratch.glob(f"{package.name}_*.deb")
    tree = scratch / "tree"
    children.run(["dpkg-deb", "--extract", str(archive), str(tree)], cwd=scratch, env=os.environ, log=log)
    for program, path in package.files.items():
        shutil.move(tree / path, into / program)


def _download(package: Package, folder: Path, log: Path, children: Children) -> None:
    """With the lists of packages as they are; where these lack the package, with new ones."""
    command = ["apt-get", "download", "--quiet", f"{package.name}={package.version}*"]
    try:
        children.run(command, cwd=folder, env=os.environ, log=log)
    except ToolchainError:
        if os.geteuid() != 0:
            raise
        children.run(_LISTS, cwd=folder, env=os.environ, log=log)
        children.run(command, cwd=folder, env=os.environ, log=log)
