"""Texts of payloads as the schema admits them: cleaned, and cut with a note."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from notification_contract import bounds

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NOTE: Final = bounds.NOTE
LAST_LINE: Final = 60
"""The size that is left for a line about what is missing."""
UNWANTED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Controls other than tab and line break: no channel shows them."""
SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""A surrogate without its pair, which JSON can hold and UTF-8 cannot: a sender has cut a text in the middle of a character."""


def clean(text: str) -> str:
    """Return a text without what cannot be stored or shown, with line breaks of one kind."""
    return UNWANTED.sub("", SURROGATE.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, most: int = bounds.SUBJECT) -> str:
    """Return a text as one line of at most so many characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def size(text: str) -> int:
    """Return the characters of a cleaned text, or half of its bytes if that is more.

    The API server stores objects of up to 1.5 MiB, so a body of the largest size may not have four bytes a character.
    """
    return max(len(text), (len(text.encode()) + 1) // 2)


def cut(text: str, most: int) -> str:
    """Return the start of a cleaned text, of at most this size; its last line says how much is missing."""
    if size(text) <= most:
        return text
    kept = most - LAST_LINE
    if kept <= LAST_LINE:
        return text[:most]
    start = text[:kept].encode()[: 2 * kept].decode(errors="ignore")
    return f"{start}\n… {len(text) - len(start)} further characters"


def body(text: str, notes: Iterable[str], most: int) -> str:
    """Return a body of at most this size with its notes as last lines, as far as there is room for them."""
    lines = "".join(f"\n{note}" for note in notes)
    return cut(clean(text), most - size(lines)) + lines if size(lines) < most // 2 else cut(clean(text), most)
