"""The versions of the settings: which version has which setting, and which one a configuration file needs (DD-VERSION-001). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.settings.operator import Path

SETTINGS_VERSION: Final = 2
"""The version of the settings that this operator reads. A released version does not change: a further setting has the next one."""
FIRST: Final = 1
"""The version of operators whose image has no label with a version."""
ANY: Final = "*"
"""Stands for every name in a mapping of sections, such as that of the plugins."""
SINCE: Final[Mapping[Path, int]] = dict.fromkeys(
    (
        ("queue", "max_notifications"),
        ("delivery", "in_flight_bytes"),
        ("breaker", "initial_open_seconds"),
        ("breaker", "window_seconds"),
        ("channels", "console", "namespaces"),
        ("channels", "file", "namespaces"),
        ("channels", "file", "size"),
        ("channels", "file", "keep_days"),
        ("channels", "log", "namespaces"),
        ("channels", "slack", "namespaces"),
        ("channels", "slack", "rate_per_second"),
        ("channels", "slack", "burst"),
        ("channels", "slack", "mrkdwn"),
        ("channels", "plugins", ANY, "namespaces"),
        ("channels", "plugins", ANY, "rate_per_second"),
        ("channels", "plugins", ANY, "burst"),
        ("audit", "token_audience"),
        ("audit", "file"),
        ("audit", "file_max_bytes"),
        ("audit", "file_count"),
        ("retention", "enabled"),
        ("retention", "deletes_per_second"),
        ("retention", "interval_seconds"),
        ("retention", "failed_days"),
        ("receivers", "enabled"),
        ("receivers", "namespaced"),
        ("receivers", "cluster"),
        ("drill", "schedule"),
        ("sanitizer", "ip_addresses", "public"),
        ("leader_election", "shards"),
    ),
    2,
)
"""The version that introduced a setting, or a value of one; the first one has every other setting."""

_MARK = re.compile(r"# settings version: ([0-9]{1,9})$", re.MULTILINE)


def since(setting: Path) -> int:
    """Return the version that introduced a setting."""
    return SINCE.get(setting, FIRST)


def mark(version: int) -> str:
    """Return the first line of a configuration file that needs a version.

    It is a comment, because operators of the first version refuse every key that they do not know.
    """
    return f"# settings version: {version}\n"


def version_of(text: str) -> int:
    """Return the version that a configuration file names in its first line; without one, that of this operator."""
    match = _MARK.match(text)
    return int(match[1]) if match else SETTINGS_VERSION
