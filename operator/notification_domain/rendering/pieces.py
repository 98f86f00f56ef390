"""A long text within the limit of a service: cut, or in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FENCE: Final = "```"


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def messages_of(text: str, *, size: int, most: int, escape: Callable[[str], str]) -> int:
    """Return 1 if a text takes at most `size` UTF-16 units once it is escaped, which never makes it shorter; else `most`."""
    return 1 if len(text) <= size and units(escape(text)) <= size else most


def limited(text: str, *, sizes: Sequence[int], cut: str) -> list[str]:
    """Return a text in parts, at least one, each of at most so many UTF-16 units.

    Args:
        text: the text; a part ends after a line or a word where one ends in its last third.
        sizes: the limit of each part; there are at most so many.
        cut: replaces the rest of a text that is longer, and counts towards the limit of the last part.
    """
    result: list[str] = []
    for number, size in enumerate(sizes, start=1):
        last = number == len(sizes)
        if units(text) <= size:
            result += [text] if text else []
            break
        end = end_of_part(text, size - units(cut) - len(FENCE) - 1 if last else size - len(FENCE) - 1)
        part, text = text[:end], text[end:]
        if part.count(FENCE) % 2:  # a block of code ends with its part, and begins again in the next
            part, text = f"{part}\n{FENCE}", f"{FENCE}{text}"
        result.append(part + cut if last else part)
    return result or [""]


def end_of_part(text: str, limit: int) -> int:
    """Return where the first part of at most so many UTF-16 units ends: at the end of a text that fits, at least after a character."""
    end = min(limit, len(text))
    while (excess := units(text[:end]) - limit) > 0:
        end -= (excess + 1) // 2
    if end == len(text):
        return end
    for mark in ("\n", " "):
        index = text.rfind(mark, limit * 2 // 3, end)
        if index >= 0:
            return index + 1
    return max(end, 1)


def units(text: str) -> int:
    """Return the UTF-16 units of a text, which are never fewer than a service counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
