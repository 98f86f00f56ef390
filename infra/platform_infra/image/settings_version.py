"""The version of the settings that an image has, where this machine knows it (DD-VERSION-001)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_infra import names
from platform_infra.docker_client import DockerError, NotFound, connected
from platform_infra.settings.reader import SettingsError
from platform_infra.settings.rules.config_file import version_problems

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings


def check_settings_version(settings: Settings) -> None:
    """Check that an image which was built on this machine has every setting that the stack sets.

    `operatorSettingsVersion` takes the place of the image's label; the settings are checked with it before. No registry
    is asked.

    Raises:
        SettingsError: the image lacks settings; lists every one.
    """
    image = settings.operator.image
    version = 0 if settings.operator.settings_version else _recorded(image)
    problems = list(version_problems(settings, version, f"label of {image}"))
    if problems:
        raise SettingsError(problems)


def _recorded(image: str) -> int:
    """Return the version in the label of an image; 0 without one, and if this machine did not build the image."""
    if not image.startswith(f"{names.IMAGE_REPOSITORY}:"):
        return 0
    try:
        with connected() as client:
            labels = client.images.get(image).labels
    except (DockerError, NotFound):
        return 0
    return int(labels.get(names.SETTINGS_VERSION_LABEL) or 0)
