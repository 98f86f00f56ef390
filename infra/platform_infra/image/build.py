"""Builds the operator's image with Docker: its sources, its name and its base image.

Containers may have no access to a package index. The wheels are therefore downloaded outside of the build, verified
against the hashes of the lock files, and sent with the build context.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

from platform_infra import names
from platform_infra.docker_client import (
    BUILD_SECONDS,
    DockerError,
    DockerUnavailableError,
    build_image,
    connected,
    has_image,
)
from platform_infra.image import wheelhouse

if TYPE_CHECKING:
    from docker import DockerClient

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("Dockerfile", "operator")
IGNORED_PARTS = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
PUBLISHED_BASE = "python:3.13-slim"
HASH_LENGTH = 12


class ImageError(RuntimeError):
    """The image cannot be built; the message says what to do."""


def image_name(base: str, root: Path = ROOT) -> str:
    """Return the name of the image that this checkout's content and `base` result in."""
    digest = hashlib.sha256(base.encode())
    for file in sources(root):
        digest.update(b"\0" + file.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"{names.IMAGE_REPOSITORY}:{digest.hexdigest()[:HASH_LENGTH]}"


def sources(root: Path = ROOT) -> list[Path]:
    """Return all source files of the image, sorted."""
    files: list[Path] = []
    for source in SOURCES:
        path = root / source
        files += [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sorted(file for file in files if _is_source(file.relative_to(root)))


def build(*, image: str, base: str, root: Path = ROOT) -> None:
    """Build `image` if Docker does not have it.

    Raises:
        ImageError: Docker does not answer, the base image is not available, or the build failed.
    """
    try:
        with connected(seconds=BUILD_SECONDS) as client:
            if not has_image(client, image):
                _build(client, image, base, root)
    except DockerUnavailableError as error:
        raise ImageError(f"{error}; start Docker, or set operatorImage") from error
    except DockerError as error:
        raise ImageError(f"the operator image cannot be built: {error}") from error


def _build(client: DockerClient, image: str, base: str, root: Path) -> None:
    if image != image_name(base, root):
        raise ImageError(
            f"{image}: the folder operator/ has changed since the preview; run `pulumi up` again"
        )
    base = base or _default_base(client)
    architecture = str(client.version()["Arch"])
    wheels = wheelhouse.fetch(root / "operator", python=_python_of(client, base), architecture=architecture)
    log = wheelhouse.cache_folder() / "logs" / "operator-image.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    context = io.BytesIO(_context(root, wheels))
    try:
        build_image(client, context, tag=image, arguments={"BASE": base}, log=log)
    # The SDK raises the errors of its HTTP libraries: OSError for the request, HTTPError while it reads the output.
    except (OSError, HTTPError) as error:
        if "timed out" not in str(error):
            raise ImageError(f"docker build failed: {error}") from error
        hint = "check that the Docker daemon is healthy"
        raise ImageError(f"docker build timed out after {BUILD_SECONDS} s; {hint}") from error


def _is_source(path: Path) -> bool:
    if path.suffix == ".pyc" or any(part.endswith(".egg-info") for part in path.parts):
        return False
    return IGNORED_PARTS.isdisjoint(path.parts)


def _context(root: Path, wheels: Path) -> bytes:
    """Return the build context as a tar: the sources and the wheels."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in sources(root):
            tar.add(file, arcname=file.relative_to(root).as_posix())
        for wheel in sorted(wheels.iterdir()):
            tar.add(wheel, arcname=f"wheelhouse/{wheel.name}")
    return buffer.getvalue()


def _default_base(client: DockerClient) -> str:
    """Return the newest locally built base image, or the published one."""
    local = [tag for image in client.images.list(names.BASE_IMAGE_REPOSITORY) for tag in image.tags]
    if local:
        return local[0]
    if not has_image(client, PUBLISHED_BASE):
        repository, _, tag = PUBLISHED_BASE.partition(":")
        client.images.pull(repository, tag=tag)
    return PUBLISHED_BASE


def _python_of(client: DockerClient, base: str) -> str:
    """Return the Python version of the base image, such as `3.13`."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    output = client.containers.run(
        base, ["-c", program], entrypoint="python3", network_mode="none", remove=True
    )
    return output.decode().strip()
