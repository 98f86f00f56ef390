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
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED: Final = "[REDACTED]"

NOT_REDACTED: Final = r"(?!\[REDACTED\](?![^\s\"',}&#\\]))"
"""Excludes a value that is redacted already, up to a character that ends a value."""
FRESH: Final = r"(?!\[REDACTED\])"
"""Excludes a value that begins with a redacted one, for values that may end anywhere."""
SLASHES: Final = r"\\{0,15}"
"""The backslashes of a quote: none, or those of JSON in a JSON string, four levels deep."""
SEPARATOR: Final = r"(?:[ \t]*+\??(?:=|:(?!//))++>?+[ \t]*+|%3[ad])"
STATES: Final = (
    "null none nil n/a N/A undefined true false yes no YES NO ok okay valid invalid missing required optional present absent empty expired"
    " expires expiring revoked rotated unset set reset renewed refreshed rejected refused denied accepted malformed incorrect wrong unknown"
    " changed unchanged updated created deleted removed added found stored mounted managed provided generated issued loaded synced enabled"
    " disabled configured encrypted hashed hidden leaked locked blocked failed protected needed not is was has must cannot await"
    " str string String SecretStr bytes bool boolean integer varchar None True False NULL return raise break continue"
)
"""States, types and statements that follow the name of a secret."""
PROSE: Final = (
    "a an the this it its your our see ask on off in at by of to for from and or but with without too are were be been had can should will"
    " does did needs signature used all only still already now header headers"
)
"""How a sentence begins that follows the name of a secret, a colon and a blank."""


def trie(words: Iterable[str]) -> str:
    """Return a pattern of these words that branches at each character, and prefers the longest."""
    branches: dict[str, list[str]] = {}
    for word in words:
        branches.setdefault(word[:1], []).append(word[1:])
    whole = branches.pop("", None) is not None
    parts = [re.escape(first) + (trie(rests) if rests != [""] else "") for first, rests in branches.items()]
    if len(parts) == 1 and not whole:
        return parts[0]
    return f"(?:{'|'.join(parts)}){'?' if whole else ''}"


REFERENCES: Final = (
    r"(?:vault|awssm|gcpsm|secretref|arn|ref\+\w{1,16}|op|keyring|env|file):[\w/+.:#@-]"
    r"|(?:~|\.{1,2}|/(?:run|var|etc|home|root|opt|usr|tmp|mnt|srv|dev|proc|app|vault|data|secrets?|config))/[\w.@-]"
    r"|(?:process|os|request|req|response|self|this|config|settings|options|props|params|args|ctx|context|secrets|vars|module|local|other|user|input|var|inputs|env)\.[A-Za-z_]"
    r"|\$(?:env:[A-Za-z_]|[A-Z_][A-Z0-9_]*+\b|(?:token|password|passwd|pass|pwd|secret|api_?key|key)\b|[0-9]{1,3}(?![\w$]))|#\{|%[A-Z_]{2,64}+%"
)
"""Where a secret is, instead of the secret: in a store, in a file, in a variable."""
COORDINATES: Final = (
    r"[A-Za-z][\w./-]{1,96}+(?::[A-Za-z][\w.-]{1,64}+)?:v?[0-9]{1,6}\.[0-9]|(?:[a-z0-9-]{1,32}+\.){1,4}(?:com|org|io|net|dev|in)/[\w.-]{1,64}+/"
    r"|[a-z]{2,32}+(?:/[a-z]{2,32}+(?:-[a-z]{1,32}+){0,4}+){1,6}+(?=[\s\"',;)}]|$)"
)
"""The name of a package or an image with its version, the path of a module, and a path of words."""
REAL: Final = (
    r"(?!\\{0,15}[\"'](?:\s|[,}]|$)|\$\{[^}\s]*+\}|\$\([^)\r\n]{0,128}+\)|[-?+=]?\}|\{\{|%\(?\w*+\)?s\b|<[A-Za-z][\w. -]*+>"
    r"|[A-Za-z_][\w.]*+\((?=[\"')])|[(\[][a-z][a-z ]{0,32}+[)\]]|\*{3}|[*_`~]{1,3}(?:\s|\[REDACTED\])|[|>][-+0-9]{0,2}(?:\s|$)"
    rf"|(?=[a-z~./$#%A-Z])(?:{REFERENCES}|{COORDINATES})|(?=[A-Za-z]){trie(STATES.split())}(?=[\s\"',;)}}\]]|[.?!:](?:\s|$)|$)"
    r"|(?:(?<=[=!]=)|(?<=[=!]=[ \t]))[A-Za-z_]\w{0,64}+(?:\.[A-Za-z_]\w{0,64}+){1,8}+(?=[\s:;)\]]|$)"
    rf"|(?<=[ \t])(?=[a-z])(?:{trie(PROSE.split())}[ \t]++[A-Za-z0-9]|(?![zq])[a-z]{{2,20}}(?:ed|ing)(?:[ \t,;)]|[.!?]?(?:\s|$))))"
)
"""Excludes a reference, a placeholder, the attribute in a comparison, and the words that follow a name in prose and in error messages."""

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
    """Hints, separated by blanks, with `␠` for a blank in one, and how far from the start of a match the first of them is; see `Rule`."""

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
        name,
        tuple(word.replace("␠", " ") for word in words.split()),
        reach,
        compiled,
        near,
        keeps,
        replacement,
        example,
        counter_example,
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
