r"""The form of a redaction rule, and the syntax that several families of rules share.

Every pattern keeps these properties:

- Linear time. A repetition is possessive, bounded, or stops where the next match could begin.
- A fast start. A pattern begins with a literal or a small set of characters, so that the search skips what cannot match.
  Letter case is ignored by an inner `(?i:…)`: the flag on the whole pattern would disable that.
- The group `keep` stays in the text, with the separator and quotes that the writer used; the rest of the match is redacted.
- A redacted value does not match, so that a second redaction changes and counts nothing.
- A hint is a lower-case literal that begins at or after the start of every match, at most `reach` characters later, in any letter
  case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

REDACTED: Final = "[REDACTED]"

NOT_REDACTED: Final = r"(?!\[REDACTED\](?![^\s\"',}&#\\]))"
"""Excludes a value that is redacted already, up to a character that ends a value."""
FRESH: Final = r"(?!\[REDACTED\])"
"""Excludes a value that begins with a redacted one, for values that may end anywhere."""
SLASHES: Final = r"\\{0,15}"
"""The backslashes of a quote: none, or those of JSON in a JSON string, four levels deep."""
QUOTE: Final = rf"(?<!\\){SLASHES}[\"']"
SEPARATOR: Final = r"(?:[ \t]*+(?:=|:(?!//))++>?+[ \t]*+|%3[ad])"
REAL: Final = (
    r"(?!\\{0,15}[\"'](?:\s|[,}]|$)|\$\{[^}\s]*+\}|\$\([^)\s]*+\)|\$[A-Z_]++\b|\{\{|%\(?\w*+\)?s\b|<[A-Za-z][\w. -]*+>|await\b|[A-Za-z_][\w.]*+\((?=[\"')])|\*{3}|[*_~`]{1,3}(?:\s|\[REDACTED\])|[|>][-+0-9]{0,2}(?:\s|$)"
    r"|(?:null|none|nil|true|false|undefined|expired|invalid|missing|required|revoked|rotated|unset|not|is|was|has|must"
    r"|cannot|unknown|wrong|incorrect)(?=[\s\"',;}.]|$))"
)
"""Excludes a reference, a placeholder, and the words that follow a name in an error message."""

OTHER_KEY: Final = (
    r"(?i:password|passwd|pwd|api[_-]?key|\b(?:(?:access|refresh|auth|id)[_-]?)?token|(?:client_)?secret|authorization)"
    r"[\"']?(?:[ \t]+[:=]|[:=]+[ \t])"
)
"""A further key: `password: token: x` holds one value, and it is the token's."""


QUERY_NAME: Final = 64
"""Characters before the word that makes a query parameter's name one of a secret."""
ASSIGNMENT_REACH: Final = QUERY_NAME + 16


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret; `name` is the metric label."""

    name: str
    hints: tuple[str, ...]
    reach: int | None
    """Characters between the start of a match and its first hint, at most; None: any number."""
    pattern: re.Pattern[str]
    near: re.Pattern[str]
    """Matches from `reach` characters at most before the group `secret`, which is what `pattern` matches; `pattern` if that is 0."""
    keeps: bool
    """Whether the pattern has the group `keep`, with which a match begins."""
    replacement: str
    example: str = ""
    """A text of which this rule redacts a part."""
    counter_example: str = ""
    """A similar text that no rule changes."""


@dataclass(frozen=True, slots=True)
class Hints:
    """Hints, separated by blanks, and how far from the start of a match the first of them is; see `Rule`."""

    words: str
    reach: int | None = 0


def rule(name: str, hints: str | Hints, pattern: str, *, example: str, counter_example: str) -> Rule:
    """Compile a rule; without `Hints`, each match begins with one of the words."""
    words, reach = (hints, 0) if isinstance(hints, str) else (hints.words, hints.reach)
    compiled = re.compile(pattern)
    near = compiled if not reach else re.compile(rf"(?s:.{{0,{reach}}}?)(?P<secret>{pattern})")
    keeps = "keep" in compiled.groupindex
    replacement = r"\g<keep>" + REDACTED if keeps else REDACTED
    return Rule(
        name, tuple(words.split()), reach, compiled, near, keeps, replacement, example, counter_example
    )


def member(first: str, rest: str, *, whole: str = "") -> str:
    """Return the pattern of a member of JSON, of its escaped form, and of a Python dict's text.

    The value is a string (a truncated one: to the end of its line), a bare word, or what `whole` describes.
    The key ends with the set of characters `first` and the pattern `rest`; the closing quote identifies it.
    """
    text = r"(?(open)(?:[^\\\"']++|(?!(?P=open))(?:\\.|[^\\]))++(?=(?P=open))|(?!))"
    truncated = r"(?(open)(?!(?P=open))[^\r\n]++|(?!))"
    word = r"(?(open)(?!)|(?!(?:null|true|false)\b)[^\s,}\]{\[\"'\\][^\s,}\]\"'\\]*+)"
    values = "|".join(filter(None, (text, truncated, word, whole)))
    return (
        rf"(?P<keep>[{first}](?i:{rest})(?P<quote>{SLASHES}[\"'])\s*+(?::|=>?+)\s*+(?P<open>(?P=quote))?)"
        rf"(?!\[REDACTED\](?(open)(?P=open)|(?![^\s,}}\]])))(?!\[REDACTED\](?:[\r\n]|\Z)){REAL}(?is:{values})"
    )


def assignment(first: str, second: str, rest: str, *, query: str) -> str:
    """Return the pattern of `key: value` and `key=value`, quoted or not; in a URL it ends at & or #.

    The key is a character of `first`, then one of `second`, with which the pattern `rest` begins; after `?`, `&` or `#` it is what `query` describes.
    """
    quoted = (
        r"(?!\[REDACTED\](?P=open))(?:[^\\\"'\r\n]++|(?!(?P=open))(?:\\[^\r\n]|[^\\\r\n]))++(?=(?P=open))"
    )
    in_url = r"(?:[^\s\"',}&#\\]|\\(?!\\{0,14}[\"']))++"
    anywhere = r"(?:[^\s\"',}\\]|\\(?!\\{0,14}[\"']))++"
    bare = rf"{NOT_REDACTED}(?!{OTHER_KEY})(?(url){in_url}|{anywhere})"
    value = rf"(?(open){quoted}|(?!))|{bare}"
    return (
        rf"(?P<keep>[?&#{first}](?=[{second}]|(?<=[?&#])[\w.-])(?i:(?P<url>(?<=[?&#])[\w.-]{{0,{QUERY_NAME}}}?{query})|(?<![?&#]){rest})(?i:{SEPARATOR})"
        rf"(?P<open>{SLASHES}[\"'])?){REAL}"
        rf"(?:(?i:bearer|basic)[ \t]++(?:\[REDACTED\](?![^\s\"',}}&#\\])|{value})|{value})"
    )


def sample(length: int, alphabet: str = "a1B2c3D4") -> str:
    """Return a made-up secret: its parts are joined at run time, so that no scanner takes the source for a leak."""
    return (alphabet * (length // len(alphabet) + 1))[:length]
