"""The versions of the settings: which version has which setting, and which one a configuration file needs (DD-VERSION-001). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.settings.operator import Path

SETTINGS_VERSION: Final = 1
"""The version of the settings that this operator reads. A released version does not change: a further setting has the next one."""
FIRST: Final = 1
ANY: Final = "*"
"""Stands for every name in a mapping of sections, such as that of the plugins."""
SINCE: Final[Mapping[Path, int]] = {}
"""The version that introduced a setting, or a value of one; the first version has everything without a row."""

_MARK = re.compile(r"# settings version: ([0-9]{1,9})$", re.MULTILINE)


def since(setting: Path) -> int:
    """Return the version that introduced a setting."""
    return SINCE.get(setting, FIRST)


def mark(version: int) -> str:
    """Return the first line of a configuration file that needs a version.

    It is a comment: a version is no setting, and an operator refuses every key that it does not know.
    """
    return f"# settings version: {version}\n"


def version_of(text: str) -> int:
    """Return the version that a configuration file names in its first line; without one, that of this operator."""
    match = _MARK.match(text)
    return int(match[1]) if match else SETTINGS_VERSION
