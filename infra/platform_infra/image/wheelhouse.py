"""The wheels of the operator's image: downloaded once per lock file content and kept in a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCKS = ("installer.lock", "requirements.lock")
MANYLINUX = ("manylinux_2_17", "manylinux2014", "manylinux_2_24", "manylinux_2_28", "manylinux_2_34")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class WheelError(RuntimeError):
    """The wheels cannot be downloaded; the message contains the reason."""


def fetch(locks: Path, *, python: str, architecture: str) -> Path:
    """Return a folder with all wheels that the lock files in `locks` pin, for Linux and a `python` such as `3.13`.

    Raises:
        WheelError: the package index does not have the wheels or does not answer.
    """
    files = [locks / name for name in LOCKS]
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files) + f"{python}/{architecture}".encode())
    target = cache_folder() / "wheels" / key.hexdigest()[:16]
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        for file in files:
            _download(file, partial, python, MACHINES.get(architecture, architecture))
        _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _publish(partial: Path, target: Path) -> None:
    """Rename the finished folder; a concurrent process may have published the same content before."""
    try:
        partial.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _download(lock: Path, target: Path, python: str, machine: str) -> None:
    platforms = [f"--platform={tag}_{machine}" for tag in MANYLINUX]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"),
        *("--only-binary=:all:", f"--python-version={python}", "--implementation=cp", *platforms),
        *("--dest", str(target), "--requirement", str(lock)),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603 - fixed arguments
    if result.returncode:
        raise WheelError(
            f"{lock.name}: pip download failed: {(result.stderr or result.stdout).strip()[-1500:]}"
        )


def cache_folder() -> Path:
    """Return the cache folder of the platform, which NOTIFICATION_PLATFORM_CACHE sets."""
    configured = os.environ.get("NOTIFICATION_PLATFORM_CACHE")
    general = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(configured) if configured else Path(general) / "notification-platform"
