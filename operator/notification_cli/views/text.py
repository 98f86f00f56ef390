"""Short texts for people: ages, durations, moments, and texts of others without control characters."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

MINUTE, HOUR, DAY = 60, 3600, 86400
_CONTROLS: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of characters that move the cursor, change the direction of a line, or show nothing."""


def clean(text: object, *, lines: bool = False) -> str:
    """Return a text of somebody else so that a terminal shows it and obeys none of it.

    Args:
        text: the text.
        lines: whether line breaks and tabs stay; otherwise they become spaces.
    """
    return "".join(_visible(character, lines=lines) for character in str(text))


def _visible(character: str, *, lines: bool) -> str:
    if character in "\n\t":
        return character if lines else " "
    # A zero-width joiner belongs to emoji.
    if character == "\u200d" or unicodedata.category(character) not in _CONTROLS:
        return character
    return "" if character == "\r" else "\N{REPLACEMENT CHARACTER}"


def shorten(text: str, width: int) -> str:
    """Return a text of at most so many characters; 0 means any number."""
    if not width or len(text) <= width:
        return text
    return text[: max(width - 1, 0)] + "…" if width > 1 else text[:width]


def duration(seconds: float) -> str:
    """Return a duration in the unit that fits it: 0.25 s, 42 s, 7m, 3h20m, 5d."""
    seconds = max(seconds, 0.0)
    if seconds < 10:  # noqa: PLR2004 - below it, fractions matter
        return f"{seconds:.2g}s" if seconds else "0s"
    whole = round(seconds)
    if whole < 2 * MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m"
    if whole < DAY:
        hours, minutes = whole // HOUR, whole % HOUR // MINUTE
        return f"{hours}h{minutes}m" if minutes and hours < 10 else f"{hours}h"  # noqa: PLR2004 - likewise
    return f"{whole // DAY}d"


def ago(time: datetime | None, now: datetime, *, never: str = "-") -> str:
    return never if time is None else f"{duration((now - time).total_seconds())} ago"


def moment(when: datetime) -> str:
    """Return a time in UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(when: datetime) -> str:
    """Return the time of the day in UTC, to the millisecond."""
    return when.astimezone(UTC).strftime("%H:%M:%S.") + f"{when.microsecond // 1000:03}"


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as 90s, 15m, 2h or 7d.

    Raises:
        ValueError: the text is not a duration.
    """
    units = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isascii() or not number.isdigit():
        raise ValueError(f"{text!r} is not a duration; write it like 90s, 15m, 2h or 7d")
    return int(number) * units[unit]


def detail_of(last_error: str, suppressed_by: str, message_ref: str, note: str = "") -> str:
    """Return what a status records of a target besides its state; empty for nothing."""
    parts = (
        last_error,
        f"suppressed: {suppressed_by}" if suppressed_by else "",
        f"message {message_ref}" if message_ref else "",
        note,
    )
    return "; ".join(filter(None, parts))
