"""Secrets out of every text that leaves; what is stored in the object stays as it was written.

The rules stand in `secret_rules`. Nothing here raises, whatever the text: every function is total, and
should a rule break all the same, `sanitize_plain` takes its place.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from notification_operator.domain.redaction.fallback import mask_lines
from notification_operator.domain.redaction.rules import EMAIL, IPV4, REDACTED, RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notification_operator.domain.model import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which rules beside those for secrets apply; addresses are personal data in one place, facts in another."""

    emails: bool = True
    ipv4: bool = True

    def selected(self) -> Iterable[Rule]:
        """Return the rules that apply, in their order."""
        off = {name for name, on in ((EMAIL, self.emails), (IPV4, self.ipv4)) if not on}
        return (rule for rule in RULES if rule.name not in off)


EVERYTHING: Final = Rules()

_SECRET_KEY = re.compile(
    r"(?:password|passwd|pwd|api[_-]?key|\b(?:access[_-]?)?token|secret|authorization|credential)\Z",
    re.IGNORECASE,
)
"""A key of a map whose value is a secret whatever it looks like."""
KEYED: Final = "keyed_value"
"""The rule name under which values of such keys are counted."""
FALLBACK: Final = "fallback"
"""The rule name under which texts are counted in which a rule broke."""


def sanitize(text: str, rules: Rules = EVERYTHING) -> str:
    """Return the text with `[REDACTED]` in the place of each secret; doing it twice changes nothing more."""
    return redact(text, rules)[0]


def redact(text: str, rules: Rules = EVERYTHING) -> tuple[str, Counter[str]]:
    """Return the sanitised text, and how many secrets went by each rule."""
    counts: Counter[str] = Counter()
    try:
        return _by_the_rules(text, rules, counts), counts
    except Exception:  # noqa: BLE001 - a rule that breaks must neither let a secret out nor keep a message in
        return mask_lines(text), Counter({FALLBACK: 1})


def sanitize_content(content: Content, rules: Rules = EVERYTHING) -> Content:
    """Return a copy that may leave: see `redact_content`."""
    return redact_content(content, rules)[0]


def redact_content(content: Content, rules: Rules = EVERYTHING) -> tuple[Content, Counter[str]]:
    """Return a copy that may leave, and how many secrets went by each rule.

    Subject, body, metadata, action links, labels and annotations are sanitised; in maps the
    values, by their key too. Recipients stay: they are where the message goes, not what it says.
    """
    counts: Counter[str] = Counter()

    def text(raw: str) -> str:
        clean, found = redact(raw, rules)
        counts.update(found)
        return clean

    def values(raw: Mapping[str, str]) -> dict[str, str]:
        return {key: _value(key, value, text, counts) for key, value in raw.items()}

    clean = replace(
        content,
        subject=text(content.subject),
        body=text(content.body),
        metadata=values(content.metadata),
        labels=values(content.labels),
        annotations=values(content.annotations),
        action_links=tuple(values(link) for link in content.action_links),
    )
    return clean, counts


def _value(key: str, raw: str, text: Callable[[str], str], counts: Counter[str]) -> str:
    """Return the value of a map's key: all of it goes where the key says that it is a secret."""
    if not raw or raw == REDACTED or not _SECRET_KEY.search(key):
        return text(raw)
    counts[KEYED] += 1
    return REDACTED


def _by_the_rules(text: str, rules: Rules, counts: Counter[str]) -> str:
    folded = text.casefold()
    for rule in rules.selected():
        if any(hint in folded for hint in rule.hints):
            text = _apply(rule, text, counts)
    return text


def _apply(rule: Rule, text: str, counts: Counter[str]) -> str:
    """Apply one rule; a match that was masked before counts for nothing."""

    def mask(match: re.Match[str]) -> str:
        masked = match.expand(rule.replacement)
        if masked != match.group():
            counts[rule.name] += 1
        return masked

    return rule.pattern.sub(mask, text)
