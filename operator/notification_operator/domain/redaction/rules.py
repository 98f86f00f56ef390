r"""The redaction rules: one ordered table of patterns, each applied to the result of the one before.

Every pattern keeps these properties:

- Linear time. A repetition is possessive or cannot give back more than it took, and a scan that
  may run far stops where the next match of the same pattern could begin.
- The group `keep` stays in the text, with the separator and quotes that the writer used; the rest
  of the match is redacted. A match without that group is redacted as a whole.
- Idempotence: a redacted value matches as itself, or not at all.
- A hint is a lower-case literal that every match contains, in any letter case. It contains no letter i,
  which has relatives outside ASCII that match it and fold to something else.
- PEM blocks come first: they contain blanks, and most other values end at a blank.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

REDACTED: Final = "[REDACTED]"

_REDACTED_VALUE = r"\[REDACTED\](?![^\s\"',}&#\\])"
"""A redacted value, up to a character that ends a value."""
_QUOTE = r"(?<!\\)\\{0,3}[\"']"
"""A quote, also one inside a JSON string inside a JSON string."""
_SEPARATOR = r"(?:[ \t]*+(?:=|:(?!//))++>?+[ \t]*+|%3[ad])"
_SCHEME = r"(?:(?:bearer|basic)[ \t]++)?"

_PASSWORDS = r"(?:password|passwd|pwd)"
_API_KEYS = r"api[_-]?key"
_TOKENS = r"\b(?:(?:access|refresh|auth|id)[_-]?)?token"
_SECRETS = r"(?:client_)?secret"
_NOT_ANOTHER_KEY = (
    rf"(?!(?:{_PASSWORDS}|{_API_KEYS}|{_TOKENS}|{_SECRETS}|authorization)[\"']?(?:[ \t]+[:=]|[:=]+[ \t]))"
)
"""`password: token: x` holds one value, and it is the token's."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret; `name` is the metric label, and every match contains one of the `hints`."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


def _rule(name: str, hints: str, pattern: str) -> Rule:
    compiled = re.compile(pattern, re.IGNORECASE)
    kept = r"\g<keep>" if "keep" in compiled.groupindex else ""
    return Rule(name, tuple(hints.split()), compiled, kept + REDACTED)


def _member(key: str, *, whole: str = "") -> str:
    """Return the pattern of a member of JSON, of its escaped form, and of a Python dict's text.

    The value is a string (a truncated one: to the end of its line), a bare word, or what `whole` describes.
    """
    text = r"(?(open)(?:(?!(?P=open))(?:\\.|[^\\]))++(?=(?P=open))|(?!))"
    truncated = r"(?(open)(?!(?P=open))[^\r\n]++|(?!))"
    word = r"(?(open)(?!)|(?!(?:null|true|false)\b)[^\s,}\]{\[\"'\\][^\s,}\]\"'\\]*+)"
    values = "|".join(filter(None, (text, truncated, word, whole)))
    return rf"(?s)(?P<keep>(?P<quote>{_QUOTE}){key}(?P=quote)\s*+(?::|=>?+)\s*+(?P<open>(?P=quote))?)(?:{values})"


def _assignment(key: str) -> str:
    """Return the pattern of `key: value` and `key=value`, quoted or not; in a URL it ends at & or #."""
    quoted = r"(?:(?!(?P=open))(?:\\[^\r\n]|[^\\\r\n]))++(?=(?P=open))"
    in_url = r"(?:[^\s\"',}&#\\]|\\(?![\"']))++"
    anywhere = r"(?:[^\s\"',}\\]|\\(?![\"']))++"
    bare = rf"(?:{_REDACTED_VALUE}|{_NOT_ANOTHER_KEY}(?(url){in_url}|{anywhere}))"
    return (
        rf"(?P<keep>(?P<url>[?&#][\w.-]*?)?{key}{_SEPARATOR}(?P<open>\\{{0,3}}[\"'])?)"
        rf"{_SCHEME}(?:(?(open){quoted}|(?!))|{bare})"
    )


def _database(scheme: str) -> str:
    """Return the pattern of a database URL, whose password may hold what other URLs forbid."""
    return (
        rf"(?P<keep>{scheme}(?:\+\w++)?://[^\s:@/\"'<>]*+:)(?!//|[0-9]{{1,5}}[/?#])"
        r"(?:[^\s@\"'<>:]|:(?!//)|@(?=[^\s@/?#\"'<>]*+@))++(?=@)"
    )


def _pem(label: str) -> str:
    """Return the pattern of a PEM block; a truncated block ends at the next dashes or the end."""
    return (
        rf"-----BEGIN [A-Z0-9 ]{{0,40}}{label}-----(?:[^-]|-(?!----))*+(?:-----END [A-Z0-9 ]{{0,60}}-----)?"
    )


_JSON_STRING = r'"(?:[^"\\]|\\.)*+"'
_FLAT = rf"\{{(?:\\.|{_JSON_STRING}|[^\"{{}}\\])*+\}}"
_NESTED = rf"\{{(?:\\.|{_JSON_STRING}|[^\"{{}}\\]|{_FLAT})*+\}}"
_LIST = rf"\[(?:\\.|{_JSON_STRING}|[^\"\[\]\\])*+\]"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"

EMAIL: Final = "email"
IPV4: Final = "ipv4"

RULES: Final = (
    _rule("certificate", "-----", _pem("CERTIFICATE")),
    _rule("private_key", "-----", _pem("PRIVATE KEY")),
    _rule("generator_url", "generatorurl", _member("generatorURL")),
    _rule("annotations", "annotat", _member("annotations", whole=rf"(?(open)(?!)|(?:{_NESTED}|{_LIST}))")),
    _rule("password_json", "passw pwd", _member(rf"[\w.-]*{_PASSWORDS}")),
    _rule("password", "passw pwd", _assignment(_PASSWORDS)),
    _rule("url_credentials", "://", r"(?P<keep>://[^\s/?#:@\"'<>]*+:)[^\s/?#\"'<>]+(?=@)"),
    _rule("api_key_json", "key", _member(rf"[\w.-]*{_API_KEYS}")),
    _rule("api_key", "key", _assignment(_API_KEYS)),
    _rule("sk_key", "sk-", r"\bsk-[\w-]{4,}+"),
    _rule(
        "bearer",
        "bearer",
        rf"(?P<keep>\bBearer[ \t]++){_NOT_ANOTHER_KEY}(?:{_REDACTED_VALUE}|[A-Za-z0-9._~+/=-]++)",
    ),
    _rule("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,}+"),
    _rule("token_json", "token", _member(_TOKENS)),
    _rule("token", "token", _assignment(_TOKENS)),
    _rule("secret_json", "secret", _member(rf"[\w.-]*{_SECRETS}")),
    _rule("secret", "secret", _assignment(_SECRETS)),
    _rule(
        "authorization",
        "author",
        r"(?P<keep>authorization\\{0,3}[\"']?[ \t]*:[ \t]*+(?:\\{0,3}[\"'])?)"
        r"(?:(?:digest|aws4-hmac-sha256)\b[^\r\n]*+|"
        rf"(?:(?:bearer|basic|token|negotiate|ntlm|apikey)[ \t]++)?(?:{_REDACTED_VALUE}|{_NOT_ANOTHER_KEY}"
        r"(?:[^\s\"',}\\]|\\(?![\"']))++))",
    ),
    _rule(
        "aws_access_key_id",
        "aws",
        rf"(?P<keep>aws_?access_?key_?id[\"']?{_SEPARATOR}[\"']?)[A-Z0-9]{{16,}}+(?!\w)",
    ),
    _rule(
        "aws_secret_access_key",
        "aws",
        rf"(?P<keep>aws_?secret_?access_?key[\"']?{_SEPARATOR}[\"']?)[A-Za-z0-9/+=]{{40,}}+(?!\w)",
    ),
    _rule("postgresql", "://", _database(r"postgres(?:ql)?")),
    _rule("mysql", "://", _database(r"(?:mysql|mariadb)")),
    _rule("mongodb", "://", _database(r"mongodb")),
    _rule("redis", "://", _database(r"rediss?")),
    _rule(
        "secret_line",
        "username password token key secret credent",
        r"(?m)(?P<keep>^[ \t-]*+(?:username|password|token|key|secret|credential)[ \t]*:(?!//)[ \t]*)"
        r"[A-Za-z0-9+/]{8,}+=*+(?=[ \t]*\r?$)",
    ),
    _rule(EMAIL, "@", r"(?<![\w.+%-])[\w.+%-]++@(?:[\w-]++\.)+[^\W\d_]{2,}+"),
    _rule(IPV4, ".", rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.[0-9])"),
)
