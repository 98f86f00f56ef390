"""Redaction of every text that leaves the operator; the stored object stays as it was written.

`rules` holds the table. Every function is total: whatever the text, it returns; should a rule fail,
`fallback.redact_lines` takes its place.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from notification_domain.redaction.fallback import redact_lines
from notification_domain.redaction.rules import (
    AFTER_TOKENS,
    BEFORE_TOKENS,
    EMAIL,
    IPV4,
    IPV6,
    PUBLIC,
    REDACTED,
    RULES,
    Rule,
)
from notification_domain.redaction.search import (
    Folded,
    RuleSet,
    apply_bounded,
    possible_rules,
    substitute,
    substitute_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notification_domain.model import Content


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The optional rules in addition to those for secrets: addresses may be personal data, or plain facts."""

    emails: bool = True
    ipv4: bool | Literal["public"] = True
    """Whether IP addresses are redacted, of either version; with `public`, those of private networks stay."""

    def selected(self, rules: Iterable[Rule]) -> Iterable[Rule]:
        """Return those of the rules that apply, in their order."""
        off = (*(() if self.emails else (EMAIL,)), *(() if self.ipv4 else (IPV4, IPV6)))
        instead = {rule.name: rule for rule in PUBLIC} if self.ipv4 == "public" else {}
        return (instead.get(rule.name, rule) for rule in rules if rule.name not in off)


@cache
def _rule_sets(rules: Rules) -> tuple[RuleSet, RuleSet]:
    """Return the selected rules before and after those for vendors' tokens."""
    return RuleSet(rules.selected(BEFORE_TOKENS)), RuleSet(rules.selected(AFTER_TOKENS))


ALL_RULES: Final = Rules()

_SECRET_KEY = re.compile(
    r"(?:password|passwd|pwd|api[_-]?key|\b(?:access[_-]?)?token|secret|authorization|credential)\Z",
    re.IGNORECASE,
)
"""A key of a map whose value is a secret whatever it looks like."""
_LIKELY_KEY = re.compile(
    r"(?:(?<![a-z])pass|passphrase|passcode|psk|token|credentials|cookie"
    r"|(?:access|private|secret|signing|encryption|account|master|shared)[_-]?key)\Z",
    re.IGNORECASE,
)
"""A key of a map whose value is a secret unless it is a number."""
KEYED: Final = "keyed_value"
"""The name under which values of such keys are counted."""
LIMIT: Final = 4_000
"""Secrets of one kind in a text; a text with more is a dump, and its time would grow with each of them."""
AS_WRITTEN: Final = frozenset(
    ("type", "priority", "recipients", "remediation_ref", "event", "dedup_key", "format", "template")
)
"""Fields of a content that no rule changes: enumerations, recipients and names; the name of the incident becomes a digest."""
KEY_DIGITS: Final = 32
"""Hexadecimal digits that stand for the name of an incident."""
FALLBACK: Final = "fallback"
"""The name under which texts are counted for which a rule failed."""
COUNTED: Final = frozenset({KEYED, FALLBACK, *(rule.name for rule in RULES)})
"""Every name under which secrets are counted."""


def redact(text: str, rules: Rules = ALL_RULES) -> str:
    """Return the text with `[REDACTED]` in place of each secret; idempotent."""
    return redact_counted(text, rules)[0]


def redact_counted(text: str, rules: Rules = ALL_RULES) -> tuple[str, Counter[str]]:
    """Return the redacted text, and the number of secrets by rule name."""
    counts: Counter[str] = Counter()
    try:
        return _apply_all(text, rules, counts), counts
    except Exception:  # noqa: BLE001 - a failing rule must neither leak a secret nor block a message
        return redact_lines(text), Counter({FALLBACK: 1})


def redact_content(content: Content, rules: Rules = ALL_RULES) -> Content:
    """Return a redacted copy; see `redact_content_counted`."""
    return redact_content_counted(content, rules)[0]


def redact_content_counted(content: Content, rules: Rules = ALL_RULES) -> tuple[Content, Counter[str]]:
    """Return a redacted copy, and the number of secrets by rule name.

    Every field that may hold a text of its author is redacted; in maps the keys too, and the values also by their key.
    The name of the incident becomes a digest if it contains a secret.
    """
    texts, counts = redact_fields(free_texts(content), content.dedup_key, rules)
    return replace(content, **texts), counts


def redact_fields(
    texts: Mapping[str, Any], dedup_key: str, rules: Rules = ALL_RULES
) -> tuple[dict[str, Any], Counter[str]]:
    """Return the redacted fields of a content, that of the incident's name included; see `redact_content_counted`."""
    counts: Counter[str] = Counter()

    def text(raw: str) -> str:
        redacted, secrets = redact_counted(raw, rules)
        counts.update(secrets)
        return redacted

    def value(raw: Any) -> Any:  # noqa: ANN401 - of the type that comes in
        match raw:
            case str():
                return text(raw)
            case Mapping():
                return values(raw)
            case list() | tuple():
                return type(raw)(map(value, raw))
        return raw

    def values(raw: Mapping[str, str]) -> dict[str, str]:
        result: dict[str, str] = {}
        for key, each in raw.items():
            result[_unused(text(key), result)] = _value(key, each, text, counts)
        return result

    redacted = {name: value(raw) for name, raw in texts.items()}
    return {**redacted, "dedup_key": _distinct(dedup_key, text(dedup_key))}, counts


def free_texts(content: Content) -> dict[str, Any]:
    """Return the fields of a content that may hold a secret, by name."""
    return {each.name: getattr(content, each.name) for each in fields(content) if each.name not in AS_WRITTEN}


def redact_key(key: str, rules: Rules = ALL_RULES) -> str:
    """Return the name of an incident, or a digest of a name that contains a secret."""
    return _distinct(key, redact(key, rules))


def _distinct(key: str, redacted: str) -> str:
    """Return a digest in place of a name that was redacted: two redacted names could be equal."""
    return key if key == redacted else hashlib.sha256(key.encode()).hexdigest()[:KEY_DIGITS]


def _value(key: str, raw: str, text: Callable[[str], str], counts: Counter[str]) -> str:
    """Return the value of a map's key; nothing of it stays where the key names a secret."""
    if not raw or raw == REDACTED or not _names_secret(key, raw):
        return text(raw)
    counts[KEYED] += 1
    return REDACTED


def _names_secret(key: str, raw: str) -> bool:
    return bool(_SECRET_KEY.search(key) or (_LIKELY_KEY.search(key) and not raw.isdecimal()))


def _unused(key: str, taken: Mapping[str, str]) -> str:
    """Return the key, numbered where another key was redacted to the same text."""
    number, name = 1, key
    while name in taken:
        number += 1
        name = f"{key} {number}"
    return name


def _apply_all(text: str, rules: Rules, counts: Counter[str]) -> str:
    """Apply the rules, also to what the text shows once invisible characters and look-alikes are resolved."""
    redacted = apply_bounded(text, lambda part: _apply_each(part, rules, counts))
    revealed = reveal(redacted)
    if revealed == redacted:
        return redacted
    hidden: Counter[str] = Counter()
    thorough = apply_bounded(revealed, lambda part: _apply_each(part, rules, hidden))
    if not hidden:
        return redacted
    counts.update(hidden)
    return thorough


def _apply_each(text: str, rules: Rules, counts: Counter[str]) -> str:
    before, after = _rule_sets(rules)
    folded = Folded.of(text)
    folded = _apply_in_turn(before.applicable(folded.lower), folded, counts)
    folded = _apply_tokens(folded, counts)
    return _apply_in_turn(after.applicable(folded.lower), folded, counts).text


def _apply_tokens(folded: Folded, counts: Counter[str]) -> Folded:
    """Apply the rules for vendors' tokens: all at once, or one after the other to a text that seems to consist of them."""
    if result := substitute_tokens(folded, limit=LIMIT):
        redacted, tokens = result
        counts.update(tokens)
        return redacted
    return _apply_in_turn(possible_rules(folded.text), folded, counts)


def _apply_in_turn(rules: Iterable[Rule], folded: Folded, counts: Counter[str]) -> Folded:
    for rule in rules:
        folded = _apply(rule, folded, counts)
    return folded


def _apply(rule: Rule, folded: Folded, counts: Counter[str]) -> Folded:
    """Apply one rule, to at most `LIMIT` secrets: where there are more, nothing stays behind them."""
    redacted, count = substitute(rule, folded, limit=LIMIT)
    if count:
        counts[rule.name] += count
    if count < LIMIT:
        return redacted
    *_, last = islice(rule.pattern.finditer(folded.text), LIMIT)
    rest = len(folded.text) - last.end()
    return Folded.of(f"{redacted.text[: len(redacted.text) - rest]}\n{REDACTED}") if rest else redacted
