"""The base image: a slim Debian 12 with Python and pip, bootstrapped here because nothing need be pulled.

The operator's image and the node's image both start from it. Its file system is kept as one tarball in the cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.image.commands import NodeImageError, has_image, run
from tools.localcluster.toolchain import cache_dir

if TYPE_CHECKING:
    from tools.localcluster.toolchain.progress import Progress

SUITE = "bookworm"
# python3-minimal has no asyncio; pip installs wheels from a folder without a network.
PACKAGES = ("ca-certificates", "python3", "python3-pip")
# Docker fills in a PATH where an image has none, a cluster's runtime does not.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = f"PATH={_PATH} LANG=C.UTF-8 PIP_NO_CACHE_DIR=1"
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
# The whole image belongs to the application, there is no distribution's Python to protect from pip.
_MARKER = "usr/lib/python3.11/EXTERNALLY-MANAGED"


def base_tag() -> str:
    """The base image's name; it changes with what goes into it."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return f"notification-platform/base:{digest[:12]}"


def ensure_base(progress: Progress) -> str:
    """The tag of the base image, made when it is not there.

    Raises:
        NodeImageError: It cannot be made here.
    """
    tag = base_tag()
    if not has_image(tag):
        with progress.step(tag, "looking for it"):
            tarball = _ensure_tarball(tag, progress)
            progress.now(tag, "importing it into Docker")
            changes = ["--change", 'CMD ["python3"]', "--change", f"ENV {_ENVIRONMENT}"]
            run(["docker", "import", *changes, str(tarball), tag])
    return tag


def _ensure_tarball(tag: str, progress: Progress) -> Path:
    tarball = cache_dir() / "node" / f"base-{tag.rpartition(':')[2]}.tar"
    if not tarball.exists():
        if problem := _bootstrap_problem():
            raise NodeImageError(f"the base image cannot be made: {problem}")
        progress.now(tag, f"bootstrapping Debian {SUITE}, about 40 s")
        tarball.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bootstrap-", dir=tarball.parent) as folder:
            _bootstrap(Path(folder), tarball)
    return tarball


def _bootstrap_problem() -> str | None:
    if os.geteuid() != 0:
        return "debootstrap needs root: run the same command with sudo, or use an existing cluster"
    if shutil.which("debootstrap") is None:
        return "there is no debootstrap: `apt-get install debootstrap`"
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
    """Takes away what no container reads: documents, locales, package lists and caches, logs, bytecode."""
    for name in _REMOVED:
        shutil.rmtree(root / name, ignore_errors=True)
    for cache in list(root.rglob("__pycache__")):
        shutil.rmtree(cache)
    for log in (root / "var/log").rglob("*"):
        if log.is_file():
            log.unlink()
    (root / _MARKER).unlink(missing_ok=True)
    python = root / "usr/local/bin/python"
    if not python.is_symlink():
        python.symlink_to("/usr/bin/python3")
