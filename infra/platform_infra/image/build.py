"""Builds the operator's image with Docker: what goes in, what it is called, what it stands on.

Containers may have no way to a package index, so the wheels are fetched outside, checked against the
hashes of the lock files, and sent along.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

from platform_infra import names
from platform_infra.image import wheelhouse

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("Dockerfile", "operator")
IGNORED_PARTS = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
PUBLISHED_BASE = "python:3.13-slim"
HASH_LENGTH = 12


class ImageError(RuntimeError):
    """The image cannot be built; the message says what to do."""


def image_name(base: str, root: Path = ROOT) -> str:
    """Return the name of the image that this checkout's content makes on `base`."""
    digest = hashlib.sha256(base.encode())
    for file in sources(root):
        digest.update(b"\0" + file.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"{names.IMAGE_REPOSITORY}:{digest.hexdigest()[:HASH_LENGTH]}"


def sources(root: Path = ROOT) -> list[Path]:
    """Return every file that the image is made of, in a fixed order."""
    found: list[Path] = []
    for source in SOURCES:
        path = root / source
        found += [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sorted(file for file in found if _counts(file.relative_to(root)))


def build(*, image: str, base: str, root: Path = ROOT) -> None:
    """Build `image` unless Docker has it.

    Raises:
        ImageError: Docker does not answer, no base can be had, or the build failed.
    """
    if _has(image):
        return
    if image != image_name(base, root):
        raise ImageError(f"{image}: operator/ has changed since this was planned; run `pulumi up` again")
    chosen = base or _default_base()
    wheels = wheelhouse.fetch(root / "operator", python=_python_of(chosen), architecture=_architecture())
    context = _context(root, wheels)
    _docker("build", "--tag", image, "--build-arg", f"BASE={chosen}", "-", stdin=context, seconds=900)


def _counts(path: Path) -> bool:
    if path.suffix == ".pyc" or any(part.endswith(".egg-info") for part in path.parts):
        return False
    return IGNORED_PARTS.isdisjoint(path.parts)


def _context(root: Path, wheels: Path) -> bytes:
    """Return the build context as a tar: the sources and the wheels, nothing else of the checkout."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in sources(root):
            tar.add(file, arcname=file.relative_to(root).as_posix())
        for wheel in sorted(wheels.iterdir()):
            tar.add(wheel, arcname=f"wheelhouse/{wheel.name}")
    return buffer.getvalue()


def _default_base() -> str:
    """Return a base that was built here, or the published one."""
    local = _docker("images", "--format", "{{.Repository}}:{{.Tag}}", names.BASE_IMAGE_REPOSITORY).split()
    if local:
        return local[0]
    if not _has(PUBLISHED_BASE):
        _docker("pull", PUBLISHED_BASE, seconds=300)
    return PUBLISHED_BASE


def _python_of(base: str) -> str:
    """Return the base's Python version, such as `3.13`."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    return _docker("run", "--rm", "--network", "none", "--entrypoint", "python3", base, "-c", program).strip()


def _architecture() -> str:
    return _docker("version", "--format", "{{.Server.Arch}}").strip()


def _has(image: str) -> bool:
    return bool(_docker("images", "--quiet", image).strip())


def _docker(*arguments: str, stdin: bytes | None = None, seconds: int = 60) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and image names
            ["docker", *arguments],  # noqa: S607 - the user's docker
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise ImageError("docker: not found on PATH; install Docker, or set operatorImage") from None
    except subprocess.TimeoutExpired:
        raise ImageError(
            f"docker {arguments[0]}: no end after {seconds} s; is the Docker daemon well?"
        ) from None
    if done.returncode:
        told = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
        raise ImageError(f"docker {arguments[0]} failed with code {done.returncode}: {told}")
    return done.stdout.decode()
