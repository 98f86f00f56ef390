"""The placeholder that a stack's file has for its image until a release sets one: a digest of zeros."""

from __future__ import annotations

import re

import pulumi

PLACEHOLDER = re.compile(r"@sha256:0{64}$")


class PlaceholderImageError(pulumi.RunError):
    """The stack has no image yet."""


def check_image(image: str) -> None:
    """Check that an image can exist; a preview and a policy check only warn, because they need none.

    Raises:
        PlaceholderImageError: it is the placeholder, and this is an update; no resource has been registered.
    """
    if not PLACEHOLDER.search(image):
        return
    message = (
        f"operatorImage: {image} is a placeholder, and no such image exists; set the image of a release with "
        f"`pulumi config set operatorImage REGISTRY/NAME@sha256:DIGEST --stack {pulumi.get_stack()}`"
    )
    if not pulumi.runtime.is_dry_run():
        raise PlaceholderImageError(message)
    pulumi.log.warn(message)
