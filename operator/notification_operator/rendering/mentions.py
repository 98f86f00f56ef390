"""Mentions: an author of a notification must not be able to alert a whole team."""

from __future__ import annotations

import re
from typing import Final

ZERO_WIDTH_SPACE: Final = "\N{ZERO WIDTH SPACE}"

MENTION: Final = re.compile(
    r"((?<!\w)@(?=\w)|@(?=(?:channel|here|all|everyone|group)\b)|<(?=[!@#]))", re.IGNORECASE
)
"""A name after an @; a word that alerts everyone, wherever it stands; the brackets of Slack and Discord."""


def neutralize(text: str) -> str:
    """Return a text whose mentions are plain words: an invisible character follows their first one."""
    return MENTION.sub(rf"\1{ZERO_WIDTH_SPACE}", text)
