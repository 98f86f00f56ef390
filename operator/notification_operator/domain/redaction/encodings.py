"""Characters that hide a secret from the rules: invisible ones, terminal sequences, and look-alikes of ASCII."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-9;:?]*[A-Za-z]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-_]?)|\x9b[0-9;:?]*[A-Za-z]?"
)
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
_BLANKS = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_LOOK_ALIKES = {
    **dict.fromkeys("\ufe55\ua789\u02d0\u2236\uff1a\ufe13", ":"),
    **dict.fromkeys("\uff1d\ufe66\ua78a", "="),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\uff02", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\uff07", "'"),
    **dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d", "-"),
    **dict(zip("аерсухіѕјһԁԛԝкоАВЕКМНОРСТХІЅЈ", "aepcyxisjhdqwkoABEKMHOPCTXISJ", strict=True)),
    **dict(zip("αεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeikvoptuxABEZHIKMNOPTYX", strict=True)),
}
_PLAIN: Final = {
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(_INVISIBLE, ""),
    **dict.fromkeys(_BLANKS, " "),
    **_LOOK_ALIKES,
}
_HIDING = re.compile("[\x1b\x9b" + re.escape("".join(_PLAIN)) + "]")


def reveal(text: str) -> str:
    """Return the text without invisible characters, and with ASCII in place of look-alikes; idempotent."""
    if text.isascii() and "\x1b" not in text:
        return text
    if not _HIDING.search(text):
        return text
    text = _ESCAPES.sub("", text)
    # A text has few of these characters, and `str.translate` asks a dictionary for each character.
    for hiding in _PLAIN.keys() & set(text):
        text = text.replace(hiding, _PLAIN[hiding])
    return text
