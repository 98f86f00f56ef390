"""The base image without a registry: a slim Debian with Python, bootstrapped on this machine.

The cache contains its file system as one tarball.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra.docker_client import import_image
from tools.localcluster.image.commands import NodeImageError, run
from tools.localcluster.runtime.dockerd import install_missing
from tools.localcluster.toolchain import cache_dir

if TYPE_CHECKING:
    from docker import DockerClient

    from tools.localcluster.toolchain.progress import Progress

SUITE = "trixie"
PYTHON = "3.13"
"""The version that the suite has, and the base of the Dockerfile."""
# python3-minimal has no asyncio.
PACKAGES = ("ca-certificates", "python3")
# Docker sets a default PATH for an image without one; containerd does not.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = f"PATH={_PATH} LANG=C.UTF-8"
_REMOVED = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/cache/debconf",
    "var/cache/ldconfig",
    "var/lib/apt/lists",
)


def bootstrap(client: DockerClient, tag: str, progress: Progress) -> None:
    """Import Debian as the image `tag`, from the tarball of an earlier call if there is one.

    Raises:
        NodeImageError: this machine cannot bootstrap it.
        DockerError: Docker cannot import it.
    """
    tarball = _ensure_tarball(tag, progress)
    progress.update(tag, "importing it into Docker")
    import_image(client, tarball, tag, changes=('CMD ["python3"]', f"ENV {_ENVIRONMENT}"))


def _ensure_tarball(tag: str, progress: Progress) -> Path:
    tarball = cache_dir() / "node" / f"base-{tag.rpartition(':')[2]}.tar"
    if not tarball.exists():
        install_missing("debootstrap")
        if problem := _bootstrap_problem():
            raise NodeImageError(f"the base image can neither be pulled nor built: {problem}")
        progress.update(tag, f"bootstrapping Debian {SUITE} with Python {PYTHON}, about 40 s")
        tarball.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bootstrap-", dir=tarball.parent) as folder:
            _bootstrap(Path(folder), tarball)
    return tarball


def _bootstrap_problem() -> str | None:
    if os.geteuid() != 0:
        return "debootstrap needs root: let Docker pull, run the same command with sudo, or use an existing cluster"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed: `apt-get install debootstrap`"
    return None


def _bootstrap(folder: Path, tarball: Path) -> None:
    root = folder / "root"
    log = tarball.with_suffix(".log")
    run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)], log=log)
    slim(root)
    partial = folder / tarball.name
    run(["tar", "--create", "--numeric-owner", f"--file={partial}", f"--directory={root}", "."])
    partial.rename(tarball)


def slim(root: Path) -> None:
    """Delete documents, locales, package lists, caches, logs and bytecode, which no container reads."""
    for name in _REMOVED:
        shutil.rmtree(root / name, ignore_errors=True)
    for cache in list(root.rglob("__pycache__")):
        shutil.rmtree(cache)
    for log in (root / "var/log").rglob("*"):
        if log.is_file():
            log.unlink()
    python = root / "usr/local/bin/python"
    if not python.is_symlink():
        python.symlink_to("/usr/bin/python3")
