"""The generated part of a file: located by a marker and replaced as a whole."""

from __future__ import annotations

import re


def replace_block(text: str, name: str, content: str) -> str:
    """Return the Markdown text with `content` between the markers of block `name`.

    Raises:
        ValueError: the text does not contain exactly one such block.
    """
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    pattern = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    result, count = pattern.subn(lambda _: f"\n{content.strip()}\n\n", text)
    if count != 1:
        raise ValueError(
            f"expected one block {name!r} between {begin.strip()!r} and {end.strip()!r}, found {count}"
        )
    return result


def replace_tail(text: str, marker: str, content: str) -> str:
    """Return the text with `content` in place of everything after the line `marker`.

    Raises:
        ValueError: the text does not contain the marker exactly once.
    """
    head, *tails = text.split(f"{marker}\n")
    if len(tails) != 1:
        raise ValueError(f"expected one line {marker.strip()!r}, found {len(tails)}")
    return f"{head}{marker}\n{content}"
