"""A block of a Markdown file that is generated: found between two markers, and renewed as a whole."""

from __future__ import annotations

import re


def renewed(text: str, name: str, content: str) -> str:
    """Return the text with `content` between the markers of block `name`.

    Raises:
        ValueError: the text has not exactly one such block.
    """
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    pattern = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    new, found = pattern.subn(lambda _: f"\n{content.strip()}\n\n", text)
    if found != 1:
        raise ValueError(
            f"expected one block {name!r} between {begin.strip()!r} and {end.strip()!r}, found {found}"
        )
    return new
