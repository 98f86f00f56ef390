"""The segments of a text message: 160 characters of the GSM alphabet, or 70 UTF-16 units; fewer in several."""

from __future__ import annotations

from typing import Final

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED: Final = frozenset("\f^{}\\[~]|€")
"""Characters of the GSM alphabet that take two places."""
GSM_SINGLE, GSM_PART = 160, 153
UCS_SINGLE, UCS_PART = 70, 67
TYPOGRAPHY: Final = str.maketrans(
    {
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{BULLET}": "-",
        "\N{NO-BREAK SPACE}": " ",
        "\t": " ",
    }
)


def is_gsm(text: str) -> bool:
    """Return whether a text consists of the GSM alphabet."""
    return all(character in BASIC or character in EXTENDED for character in text)


def count(text: str) -> int:
    """Return the number of segments of a text."""
    gsm = is_gsm(text)
    widths = [_width(character, gsm=gsm) for character in text]
    single, part = (GSM_SINGLE, GSM_PART) if gsm else (UCS_SINGLE, UCS_PART)
    if sum(widths) <= single:
        return 1
    segments, used = 1, 0
    for width in widths:
        if used + width > part:  # a character is never divided between two segments
            segments, used = segments + 1, 0
        used += width
    return segments


def fit(text: str, *, ending: str, segments: int) -> str:
    """Return a text and its ending, the text shortened to the number of segments.

    Typographic characters are replaced where this alone makes the text fit the smaller alphabet.
    """
    # No segment holds more characters than these.
    text = text[: GSM_PART * segments + 1]
    plain = text.translate(TYPOGRAPHY)
    body = plain if is_gsm(plain + ending) else text
    body = body[: GSM_PART * segments + 1]
    if body in {text, plain} and count(body + ending) <= segments:
        return body + ending
    low, high = 0, len(body)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(_cut(body, middle) + ending) <= segments else (low, middle - 1)
    return _cut(body, low) + ending


def _cut(body: str, length: int) -> str:
    return body[:length].rstrip() + "..."


def _width(character: str, *, gsm: bool) -> int:
    if gsm:
        return 1 + (character in EXTENDED)
    return 1 + (ord(character) > 0xFFFF)  # noqa: PLR2004 - the last character of one UTF-16 unit
