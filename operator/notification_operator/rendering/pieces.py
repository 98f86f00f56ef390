"""A long text within the limit of a service: cut, or in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FENCE: Final = "```"


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def messages_of(text: str, *, size: int, most: int, escape: Callable[[str], str]) -> int:
    """Return 1 if a text takes at most `size` UTF-16 units once it is escaped, which never makes it shorter; else `most`."""
    return 1 if len(text) <= size and _units(escape(text)) <= size else most


def limited(text: str, *, size: int, parts: int, cut: str) -> list[str]:
    """Return a text in at most so many parts of at most so many UTF-16 units, at least one part.

    Args:
        text: the text; a part ends after a line or a word where one ends in its last third.
        size: the limit of a part.
        parts: the number of parts.
        cut: replaces the rest of a text that is longer, and counts towards the limit of the last part.
    """
    result: list[str] = []
    while text and len(result) < parts:
        last = len(result) == parts - 1
        if _units(text) <= size:
            result.append(text)
            break
        end = _end(text, size - _units(cut) - len(FENCE) - 1 if last else size - len(FENCE) - 1)
        part, text = text[:end], text[end:]
        if part.count(FENCE) % 2:  # a block of code ends with its part, and begins again in the next
            part, text = f"{part}\n{FENCE}", f"{FENCE}{text}"
        result.append(part + cut if last else part)
    return result or [""]


def _end(text: str, limit: int) -> int:
    end = min(limit, len(text))
    while (excess := _units(text[:end]) - limit) > 0:
        end -= (excess + 1) // 2
    for mark in ("\n", " "):
        index = text.rfind(mark, limit * 2 // 3, end)
        if index >= 0:
            return index + 1
    return max(end, 1)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
