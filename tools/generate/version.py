"""The version of the product: the file VERSION declares it, and each file that packaging or a program reads repeats it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATTERN = r'(^version = "|^__version__: Final = "|^VERSION: Final = "|^  "(?:atomic-status|notification-[a-z]+)(?:\[[a-z]+\])?==)[^"]+'
"""What precedes the version in a declaration or in a requirement of one distribution on another, and the version itself."""
PATHS = (
    "pyproject.toml",
    *(str(file.relative_to(ROOT)) for file in sorted(ROOT.glob("packages/*/pyproject.toml"))),
    "operator/notification_contract/__init__.py",
    "infra/component_package/pyproject.toml",
    "infra/component_package/notification_platform_component/__main__.py",
)
LOCK = "uv.lock"
LOCK_PATTERN = r'(^name = "notification-platform"\nversion = ")[^"]+'


def version() -> str:
    return (ROOT / "VERSION").read_text("utf-8").strip()


def replace_version(text: str, pattern: str, value: str) -> str:
    """Return the text with `value` after each match of the pattern's group.

    Raises:
        ValueError: the text declares no version.
    """
    result, count = re.subn(pattern, lambda match: match[1] + value, text, flags=re.MULTILINE)
    if not count:
        raise ValueError(f"expected a version after {pattern!r}, found none")
    return result
