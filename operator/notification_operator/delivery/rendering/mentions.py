"""Mentions: an author of a notification must not be able to alert a whole team."""

from __future__ import annotations

import re
from typing import Final

ZERO_WIDTH_SPACE: Final = "\N{ZERO WIDTH SPACE}"

MENTION: Final = re.compile(r"(?<!\w)@(?=\w)|@(?=(?:channel|here|all|everyone|group)\b)", re.IGNORECASE)


def neutralize(text: str) -> str:
    """Return a text whose mentions are plain words: an invisible character follows their @."""
    return MENTION.sub("@" + ZERO_WIDTH_SPACE, text)
