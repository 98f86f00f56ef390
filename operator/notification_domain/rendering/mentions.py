"""Parts of a text that must not reach a service: mentions, by which an author could alert a whole team, and controls."""

from __future__ import annotations

import re
from typing import Final

ZERO_WIDTH_SPACE: Final = "\N{ZERO WIDTH SPACE}"

MENTION: Final = re.compile(r"(?<!\w)@(?=\w)|@(?=(?:channel|here|all|everyone|group)\b)", re.IGNORECASE)
"""The @ before a name, and before a word that alerts everyone, wherever it stands."""
BRACKET: Final = re.compile(r"<(?=[!@#])")
"""How Slack and Discord begin a mention."""

CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Controls other than tab and line break: no service shows them, and Mattermost answers 500 to a NUL."""


def visible(text: str) -> str:
    """Return a text without controls, with line breaks of one kind."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def neutralize(text: str) -> str:
    """Return a text whose mentions are plain words: an invisible character follows their first one."""
    # A replacement that repeats a group would call a function of Python for each mention, and a text may consist of them.
    return BRACKET.sub(f"<{ZERO_WIDTH_SPACE}", MENTION.sub(f"@{ZERO_WIDTH_SPACE}", text))
