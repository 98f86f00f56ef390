"""The base of the operator's image, identified by its content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_infra import names
from platform_infra.docker_client import NotFound, has_image
from platform_infra.image.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

    from docker import DockerClient

CURRENT = f"{names.BASE_IMAGE_REPOSITORY}:current"
"""The base image that `make up` provided last on this machine."""
_PINNED = re.compile(r"(?P<name>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})")
_DEFAULT = re.compile(r"^ARG BASE=(?P<base>\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A base image: its name with a tag, and the digest of its content.

    The digest is that of a registry's manifest, or, for an image that only this machine has, the image's ID.
    """

    name: str
    digest: str
    published: bool

    @property
    def reference(self) -> str:
        """The reference for Docker. Docker ignores a tag next to a digest, and some calls reject both together."""
        return f"{self.repository}@{self.digest}" if self.published else self.name

    @property
    def repository(self) -> str:
        """The name without its tag."""
        path, separator, last = self.name.rpartition("/")
        return f"{path}{separator}{last.partition(':')[0]}"


def pinned(reference: str) -> BaseImage:
    """Return the published base image that `reference` names by its digest.

    Raises:
        ImageError: the reference has no digest.
    """
    match = _PINNED.fullmatch(reference)
    if match is None:
        raise ImageError(f"the base image {reference} has no digest: append @sha256:… to its name")
    return BaseImage(name=match["name"], digest=match["digest"], published=True)


def default(root: Path) -> BaseImage:
    """Return the base image that the Dockerfile of the checkout `root` names.

    Raises:
        ImageError: the Dockerfile names none, or names it without a digest.
    """
    match = _DEFAULT.search((root / "Dockerfile").read_text("utf-8"))
    if match is None:
        raise ImageError("the Dockerfile has no line `ARG BASE=…` with the default base image")
    return pinned(match["base"])


def resolve(client: DockerClient, setting: str, root: Path) -> BaseImage:
    """Return the base for an image that stays on this machine.

    An empty setting selects the current base image of this machine, or the default. A name without a digest selects the image
    of that name in Docker.

    Raises:
        ImageError: the setting has no digest, and Docker does not have the image.
    """
    if setting and "@" in setting:
        return pinned(setting)
    if setting:
        return _stored(client, setting)
    return _stored(client, CURRENT) if has_image(client, CURRENT) else default(root)


def _stored(client: DockerClient, name: str) -> BaseImage:
    try:
        image = client.images.get(name)
    except NotFound as error:
        hint = "pull it, or append @sha256:… to its name"
        raise ImageError(
            f"the base image {name} has no digest, and Docker does not have it: {hint}"
        ) from error
    return BaseImage(name=name, digest=str(image.id), published=False)
