"""The programs of the object stores, pinned by their lock files: moto from PyPI, Azurite from npm, each installed once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from tools.localcluster.toolchain.layout import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "moto-requirements.txt"
PACKAGE, LOCK = HERE / "package.json", HERE / "package-lock.json"
SECONDS = 600


def moto() -> list[str]:
    """Return the command of moto's server."""
    folder = _installed("moto", REQUIREMENTS.read_bytes(), _install_moto)
    return [str(folder / "bin" / "python"), "-m", "moto.server"]


def azurite() -> list[str]:
    """Return the command of Azurite's blob service."""
    folder = _installed("azurite", LOCK.read_bytes(), _install_azurite)
    return ["node", str(folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js")]


def _install_moto(folder: Path) -> None:
    uv, python = str(Path(sys.executable).parent / "uv"), str(folder / "bin" / "python")
    _run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], folder)
    _run([uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", str(REQUIREMENTS)], folder)


def _install_azurite(folder: Path) -> None:
    for file in (PACKAGE, LOCK):
        shutil.copy(file, folder)
    # The lock has the hash of every package; no package runs a script.
    _run(["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=SECONDS)


def _installed(name: str, lock: bytes, install: Callable[[Path], None]) -> Path:
    """Return the folder that `install` filled for this content of the lock file, from the cache if there is one."""
    folder = cache_dir() / "object-stores" / f"{name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    complete = folder / ".complete"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            complete.touch()
    return folder
