"""The base image of the operator's image and of the node's: the Dockerfile's, where it can be pulled, or Debian with the same Python."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from platform_infra import names
from platform_infra.docker_client import DockerError, has_image, pull_image
from platform_infra.image import base as base_images
from platform_infra.image.build import ROOT
from tools.localcluster.image import debian

if TYPE_CHECKING:
    from docker import DockerClient

    from platform_infra.image.base import BaseImage
    from tools.localcluster.toolchain.progress import Progress

_SILENT_SECONDS = 20
"""How long a registry may be silent."""


def published() -> BaseImage:
    """Return the base image that the Dockerfile names."""
    return base_images.default(ROOT)


def base_tag() -> str:
    """Return the base image's tag, which contains a hash of both recipes."""
    digest = hashlib.sha256(Path(debian.__file__).read_bytes() + published().digest.encode())
    return f"{names.BASE_IMAGE_REPOSITORY}:{digest.hexdigest()[:12]}"


def ensure_base(client: DockerClient, progress: Progress) -> str:
    """Pull the base image or bootstrap it, unless it exists, make it the current one, and return its tag.

    Raises:
        NodeImageError: the image cannot be pulled, and this machine cannot bootstrap one.
        DockerError: Docker cannot import it.
    """
    tag, base = base_tag(), published()
    if not has_image(client, tag):
        with progress.step(tag, f"pulling {base.name}"):
            try:
                pull_image(base.repository, base.digest, tag=tag, seconds=_SILENT_SECONDS)
            except DockerError as error:
                progress.log(f"{base.name} cannot be pulled: {error}")
                debian.bootstrap(client, tag, progress)
    client.images.get(tag).tag(*base_images.CURRENT.split(":"))
    return tag
