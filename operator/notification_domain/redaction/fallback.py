"""Redaction without patterns, for a text on which a rule fails: rather too much than too little."""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.rules import REDACTED

_KEYWORDS: Final = (
    *("passw", "pwd", "api_key", "api-key", "apikey", "token", "secret", "authorization", "credential"),
    *(
        "passphrase",
        "db_pass",
        "private_key",
        "access_key",
        "secret_key",
        "accountkey",
        "cookie",
        "signature",
    ),
    *("aws_access", "aws_secret", "generatorurl", "annotations"),
)
"""Words of which the next colon or equals sign precedes a secret."""
_MARKS: Final = (
    *("bearer ", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "://"),
    *("github_pat_", "glpat-", "xoxb-", "xoxp-", "akia", "eyj", "sk_live_", "npm_", "hvs.", "hooks."),
)
"""Texts that a secret follows, or that begin one."""
_PEM: Final = "-----BEGIN"


def redact_lines(text: str) -> str:
    """Return the text without PEM blocks, each line ended by `[REDACTED]` where a secret may begin."""
    head, pem, _ = text.partition(_PEM)
    lines = [_redact_line(line) for line in head.split("\n")]
    return "\n".join(lines) + (REDACTED if pem else "")


def _redact_line(line: str) -> str:
    lower = line.lower()
    if len(lower) != len(line):
        # Characters whose lower case is longer would shift every index.
        lower = "".join(c.lower() if c.isascii() else c for c in line)
    indexes = [lower.index(mark) + len(mark) for mark in _MARKS if mark in lower]
    indexes += [_after_separator(lower, lower.index(word)) for word in _KEYWORDS if word in lower]
    return line[: min(indexes)] + REDACTED if indexes else line


def _after_separator(line: str, start: int) -> int:
    """Return the index after the first separator from `start` on, or `start` where there is none."""
    indexes = [index for index in (line.find(":", start), line.find("=", start)) if index >= 0]
    return min(indexes) + 1 if indexes else start
