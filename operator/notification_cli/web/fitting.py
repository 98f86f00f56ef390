"""Texts of others in HTML: cut by characters and by bytes, so that a page has a bounded size. Pure."""

from __future__ import annotations

from html import escape
from typing import Final

NAME_CHARACTERS: Final = 60
SUBJECT_CHARACTERS: Final = 100
TEXT_CHARACTERS: Final = 300
SUBJECT_BYTES: Final = 200
TEXT_BYTES: Final = 450
LABEL_BYTES: Final = 4000
"""Bytes of a text in HTML: a page of 100 rows has at most 100 KB, whatever its texts are."""


def fit(text: str, characters: int, size: int) -> str:
    """Return a text of at most so many characters, and of at most so many bytes in HTML."""
    shown = text[:characters]
    while shown and len(escape(shown).encode(errors="replace")) > size:
        shown = shown[: len(shown) * 3 // 4]
    return shown if shown == text else f"{shown}…"


def short(text: str) -> str:
    """Return a text that fits a cell of a row, of which a page has 100."""
    return fit(text, SUBJECT_CHARACTERS, SUBJECT_BYTES)


def long(text: str) -> str:
    """Return a text that fits a cell of a table with few rows."""
    return fit(text, TEXT_CHARACTERS, TEXT_BYTES)
