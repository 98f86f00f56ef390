"""Builds the operator's image with Docker: its sources, its name, its labels and its base image.

The name contains a hash of the sources, of the base image's digest and of the labels, so that it stands for one content.
Containers may have no access to a package index. The wheels are therefore downloaded outside of the build, verified
against the hashes of the lock files, and sent with the build context.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra import names
from platform_infra.docker_client import (
    BUILD_SECONDS,
    BuildOptions,
    DockerError,
    DockerUnavailableError,
    HTTPError,
    build_image,
    connected,
    has_image,
)
from platform_infra.image import base as base_images
from platform_infra.image import wheelhouse
from platform_infra.image.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

    from platform_infra.image.base import BaseImage

__all__ = ["ImageError", "build", "context", "image_name", "python_of", "sources"]

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("Dockerfile", "operator")
IGNORED_PARTS = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
LEFT_OUT = (Path("operator/notification_cli/web"),)
"""Packages that the image does not contain: a change of them replaces no pod."""
_LABEL = "org.opencontainers.image"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """What determines an image's content."""

    root: Path
    base: BaseImage

    @property
    def labels(self) -> dict[str, str]:
        """The labels that the OCI image specification defines."""
        return {f"{_LABEL}.base.name": self.base.name, f"{_LABEL}.base.digest": self.base.digest}

    @property
    def name(self) -> str:
        digest = hashlib.sha256(self.base.digest.encode())
        for label, value in sorted(self.labels.items()):
            digest.update(b"\0" + label.encode() + b"\0" + value.encode())
        for file in sources(self.root):
            digest.update(b"\0" + file.relative_to(self.root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return f"{names.IMAGE_REPOSITORY}:{digest.hexdigest()}"


def image_name(base: str, root: Path = ROOT) -> str:
    """Return the name of the image that this checkout's content and `base` result in on this machine.

    Raises:
        ImageError: `base` has no digest, and Docker does not have it.
    """
    return _Recipe(root=root, base=_local_base(base, root)).name


def sources(root: Path = ROOT) -> list[Path]:
    """Return all source files of the image, sorted."""
    files: list[Path] = []
    for source in SOURCES:
        path = root / source
        files += [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sorted(file for file in files if _is_source(file.relative_to(root)))


def build(*, image: str, base: str, root: Path = ROOT) -> None:
    """Build `image`, which stays on this machine, if Docker does not have it.

    Raises:
        ImageError: Docker does not answer, the base image is not available, or the build failed.
    """
    with _docker() as client:
        if has_image(client, image):
            return
        recipe = _Recipe(root=root, base=base_images.resolve(client, base, root))
        if image != recipe.name:
            raise ImageError(
                f"{image}: the folder operator/ or the base image has changed since the preview; run `pulumi up` again"
            )
        if recipe.base.published and not has_image(client, recipe.base.reference):
            client.images.pull(recipe.base.repository, tag=recipe.base.digest)
        _build(client, recipe)


def _local_base(setting: str, root: Path) -> BaseImage:
    if "@" in setting:
        return base_images.pinned(setting)
    try:
        with connected() as client:
            return base_images.resolve(client, setting, root)
    except DockerUnavailableError as error:
        if setting:
            raise ImageError(f"the base image {setting} has no digest, and {error}") from error
        return base_images.default(root)
    except DockerError as error:
        raise ImageError(f"the base image cannot be resolved: {error}") from error


@contextlib.contextmanager
def _docker() -> Iterator[DockerClient]:
    """Yield a client for a build; its errors become ImageErrors."""
    try:
        with connected(seconds=BUILD_SECONDS) as client:
            yield client
    except DockerUnavailableError as error:
        raise ImageError(f"{error}; start Docker, or set operatorImage") from error
    except DockerError as error:
        raise ImageError(f"the operator image cannot be built: {error}") from error


def _build(client: DockerClient, recipe: _Recipe) -> None:
    architecture = str(client.version()["Arch"])
    base = recipe.base.reference
    wheels = wheelhouse.fetch(
        recipe.root / "operator", python=python_of(client, base), architecture=architecture
    )
    log = wheelhouse.cache_folder() / "logs" / "operator-image.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    options = BuildOptions(arguments={"BASE": base}, labels=recipe.labels)
    try:
        build_image(
            client, io.BytesIO(context(recipe.root, wheels)), tag=recipe.name, options=options, log=log
        )
    # The SDK raises the errors of its HTTP libraries: OSError for the request, HTTPError while it reads the output.
    except (OSError, HTTPError) as error:
        if "timed out" not in str(error):
            raise ImageError(f"docker build failed: {error}") from error
        hint = "check that the Docker daemon is healthy"
        raise ImageError(f"docker build timed out after {BUILD_SECONDS} s; {hint}") from error


def _is_source(path: Path) -> bool:
    if path.suffix == ".pyc" or any(part.endswith(".egg-info") for part in path.parts):
        return False
    if any(path.is_relative_to(package) for package in LEFT_OUT):
        return False
    return IGNORED_PARTS.isdisjoint(path.parts)


def context(root: Path, wheels: Path) -> bytes:
    """Return the build context as a tar: the sources and the wheels."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in sources(root):
            tar.add(file, arcname=file.relative_to(root).as_posix())
        for wheel in sorted(wheels.iterdir()):
            tar.add(wheel, arcname=f"wheelhouse/{wheel.name}")
    return buffer.getvalue()


def python_of(client: DockerClient, base: str) -> str:
    """Return the Python version of the base image, such as `3.13`."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    output = client.containers.run(
        base, ["-c", program], entrypoint="python3", network_mode="none", remove=True
    )
    return output.decode().strip()
