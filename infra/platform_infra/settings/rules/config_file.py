"""Rules for the configuration file: the image has every setting of the stack, and the file fits into an annotation. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_contract.settings import differences, render
from notification_contract.settings.version import ANY
from platform_infra.settings.derivation import operator_settings, sources
from platform_infra.settings.model import Settings, key_of
from platform_infra.settings.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notification_contract.settings import Difference

KEY: Final = "operatorSettingsVersion"
FILE_BYTES: Final = 128 * 1024
"""Limit of the file. Kubernetes accepts 256 KiB for all annotations of an object together."""


def version_problems(settings: Settings, version: int, source: str) -> Iterator[Problem]:
    """Yield a problem for each setting that the stack sets and an image with a version of the settings does not have.

    Args:
        settings: those of the stack.
        version: that of the image; 0 if it is unknown, and then nothing is a problem.
        source: where the version is from.
    """
    if not version:
        return
    for each in differences(operator_settings(settings)):
        introduced = each.since
        if introduced > version:
            yield Problem(
                key=_key(each),
                what=f"needs version {introduced} of the operator's settings, but the image has version {version} ({source})",
                hint=f"remove it, or set operatorImage to an image with version {introduced} or newer, and {KEY} to its version",
            )


def file_problems(settings: Settings) -> Iterator[Problem]:
    """Yield the problems of the configuration file of a stack."""
    yield from version_problems(settings, settings.operator.settings_version, KEY)
    size = len(render(operator_settings(settings)).encode())
    if size > FILE_BYTES:
        largest = max(differences(operator_settings(settings)), key=lambda each: len(str(each.value)))
        yield Problem(
            key=_key(largest),
            what=f"is too large: the operator's configuration file has {size} bytes, and {FILE_BYTES} is the limit",
            hint="shorten it",
        )


def _key(difference: Difference) -> str:
    """Return the key of a setting in a stack, with the place in it of a setting of a plugin."""
    depth = [*difference.setting, ANY].index(ANY)
    source = sources(Settings)[difference.setting[:depth]]
    return ".".join((key_of(source), *difference.path[depth:]))
