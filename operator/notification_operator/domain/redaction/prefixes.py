"""Vendors' tokens by their prefixes: all prefixes are looked for at once, and a rule is tried only where one of its prefixes is."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import re2

from notification_operator.domain.redaction.families.vendor_tokens import PREFIXED, PREFIXES
from notification_operator.domain.redaction.rule import trie
from notification_operator.domain.redaction.search import Folded, redact_spans

if TYPE_CHECKING:
    from notification_operator.domain.redaction.rule import Rule


_ALL: Final = sorted({prefix for prefixes in PREFIXES.values() for prefix in prefixes})
_RULES: Final = {
    prefix: [rule for rule in PREFIXED if prefix.startswith(PREFIXES[rule.name])] for prefix in _ALL
}
_BODY: Final = r"[\w.+/=~%?-]{10}"
"""How a token begins behind its prefix; the question mark stands for letters outside ASCII."""
_CANDIDATE: Final = re.compile(
    rf"[{re.escape(''.join(sorted({prefix[0] for prefix in _ALL})))}](?<![A-Za-z0-9].)(?<=(?=({trie(_ALL)}){_BODY}).)"
)
"""Takes the first character, asks for a word start, and only then goes back to compare with the prefixes: a fast start."""
_ANY: Final = re2.compile(rf"(?:\A|[^0-9A-Za-z])(?:{'|'.join(map(re2.escape, _ALL))}){_BODY}")
"""Matches where there is a candidate; finds that out in a tenth of the time."""


def substitute_tokens(folded: Folded, *, limit: int) -> tuple[Folded, Counter[str]] | None:
    """Replace vendors' tokens, overlapping ones together; return the result, and their number by rule name.

    Return None if there may be more than `limit`.
    """
    spans: list[tuple[int, int]] = []
    counts: Counter[str] = Counter()
    if not _ANY.search(folded.text.encode("ascii", "replace")):
        return folded, counts
    end = 0
    overlapping: list[Rule] = []
    for number, candidate in enumerate(_CANDIDATE.finditer(folded.text)):
        if number == limit:
            return None
        start = candidate.start()
        if start >= end:
            overlapping.clear()
        # A rule matches once where tokens overlap: each of its matches may be as long as the text.
        for rule in _RULES[candidate[1]]:
            if rule not in overlapping and (match := rule.pattern.match(folded.text, start)):
                overlapping.append(rule)
                break
        else:
            continue
        if match.end() > end:
            counts[rule.name] += 1
            spans.append((spans.pop()[0] if start < end else start, match.end()))
            end = match.end()
    return redact_spans(folded, spans), counts


def possible_rules(text: str) -> list[Rule]:
    """Return the rules of which the text contains a prefix, in their order."""
    possible = {rule.name for prefix in set(_CANDIDATE.findall(text)) for rule in _RULES[prefix]}
    return [rule for rule in PREFIXED if rule.name in possible]
