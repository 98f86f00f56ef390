"""A stack whose file has no image yet: an update is refused, and a preview uses the placeholder of this module."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings

PLACEHOLDER = f"no-image-yet.invalid/operator@sha256:{sha256(b'').hexdigest()}"
"""The image that a preview and a policy check show until a release sets one."""


class MissingImageError(pulumi.RunError):
    """The stack has no image yet."""


def missing_image(stack: str, settings: Settings) -> str:
    """Return why a stack cannot be updated without an image, and what to do; empty for a stack that has or builds one."""
    operator, kind = settings.operator, settings.cluster.kind
    if operator.image or not operator.enabled or kind.is_local:
        return ""
    return (
        f"operatorImage is empty: {stack} has no image yet, and an image that is built here can only be loaded into a local node; "
        "add `notification-platform:operatorImage: REGISTRY/NAME@sha256:DIGEST` to its file, or merge the branch that "
        f"`tools/notif-platform promote REGISTRY/NAME@sha256:DIGEST --stack {stack}` makes"
    )


def check_image(settings: Settings) -> None:
    """Check that the stack has an image; a preview and a policy check only warn.

    Raises:
        MissingImageError: it has none, and this is an update; no resource has been registered.
    """
    message = missing_image(pulumi.get_stack(), settings)
    if message and not pulumi.runtime.is_dry_run():
        raise MissingImageError(message)
    if message:
        pulumi.log.warn(message)
