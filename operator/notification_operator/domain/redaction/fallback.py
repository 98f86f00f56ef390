"""The sanitiser for the day on which a rule breaks: no patterns, and rather too much masked than too little."""

from __future__ import annotations

from typing import Final

from notification_operator.domain.redaction.rules import REDACTED

_KEYWORDS: Final = (
    *("passw", "pwd", "api_key", "api-key", "apikey", "token", "secret", "authorization", "credential"),
    *("aws_access", "aws_secret", "generatorurl", "annotations"),
)
"""What follows the next colon or equals sign is a secret."""
_MARKS: Final = ("bearer ", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "://")
"""What follows is, or holds, a secret."""
_PEM: Final = "-----BEGIN"


def mask_lines(text: str) -> str:
    """Return the text with each line ended by `[REDACTED]` where a secret may begin, and without PEM blocks."""
    head, pem, _ = text.partition(_PEM)
    lines = [_masked(line) for line in head.split("\n")]
    return "\n".join(lines) + (REDACTED if pem else "")


def _masked(line: str) -> str:
    small = line.lower()
    if len(small) != len(line):
        # Letters that grow when they turn small would shift every place that is found.
        small = "".join(c.lower() if c.isascii() else c for c in line)
    starts = [small.index(mark) + len(mark) for mark in _MARKS if mark in small]
    starts += [_after_separator(small, small.index(word)) for word in _KEYWORDS if word in small]
    return line[: min(starts)] + REDACTED if starts else line


def _after_separator(line: str, start: int) -> int:
    """Return the place behind the first separator from `start` on, or `start` where there is none."""
    found = [place for place in (line.find(":", start), line.find("=", start)) if place >= 0]
    return min(found) + 1 if found else start
