"""Redaction of every text that leaves the operator; the stored object stays as it was written.

`rules` holds the table. Every function is total: whatever the text, it returns; should a rule fail,
`fallback.redact_lines` takes its place.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from notification_operator.domain.redaction.fallback import redact_lines
from notification_operator.domain.redaction.rules import EMAIL, IPV4, REDACTED, RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notification_operator.domain.model import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The optional rules in addition to those for secrets: addresses may be personal data, or plain facts."""

    emails: bool = True
    ipv4: bool = True

    def selected(self) -> Iterable[Rule]:
        """Return the rules that apply, in their order."""
        off = {name for name, on in ((EMAIL, self.emails), (IPV4, self.ipv4)) if not on}
        return (rule for rule in RULES if rule.name not in off)


ALL_RULES: Final = Rules()

_SECRET_KEY = re.compile(
    r"(?:password|passwd|pwd|api[_-]?key|\b(?:access[_-]?)?token|secret|authorization|credential)\Z",
    re.IGNORECASE,
)
"""A key of a map whose value is a secret whatever it looks like."""
KEYED: Final = "keyed_value"
"""The name under which values of such keys are counted."""
FALLBACK: Final = "fallback"
"""The name under which texts are counted for which a rule failed."""


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

    Subject, body, metadata, action links, labels and annotations are redacted; in maps the values, by their
    key too. Recipients stay: they are the destination of the message, not its content.
    """
    counts: Counter[str] = Counter()

    def text(raw: str) -> str:
        redacted, secrets = redact_counted(raw, rules)
        counts.update(secrets)
        return redacted

    def values(raw: Mapping[str, str]) -> dict[str, str]:
        return {key: _value(key, value, text, counts) for key, value in raw.items()}

    redacted = replace(
        content,
        subject=text(content.subject),
        body=text(content.body),
        metadata=values(content.metadata),
        labels=values(content.labels),
        annotations=values(content.annotations),
        action_links=tuple(values(link) for link in content.action_links),
    )
    return redacted, counts


def _value(key: str, raw: str, text: Callable[[str], str], counts: Counter[str]) -> str:
    """Return the value of a map's key; nothing of it stays where the key names a secret."""
    if not raw or raw == REDACTED or not _SECRET_KEY.search(key):
        return text(raw)
    counts[KEYED] += 1
    return REDACTED


def _apply_all(text: str, rules: Rules, counts: Counter[str]) -> str:
    folded = text.casefold()
    for rule in rules.selected():
        if any(hint in folded for hint in rule.hints):
            text = _apply(rule, text, counts)
    return text


def _apply(rule: Rule, text: str, counts: Counter[str]) -> str:
    """Apply one rule; a match that is redacted already does not count."""

    def substitute(match: re.Match[str]) -> str:
        redacted = match.expand(rule.replacement)
        if redacted != match.group():
            counts[rule.name] += 1
        return redacted

    return rule.pattern.sub(substitute, text)
