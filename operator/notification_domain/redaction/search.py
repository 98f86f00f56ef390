"""Which rules may match a text, and what they match there.

RE2 looks for the hints of all rules in one scan. The prefixes of vendors' tokens are looked for at once as well.
A rule replaces what it matches; it looks only around its hints where a text has few of them.

To search the largest body for one rule takes up to 15 ms, and up to 140 rules apply to one body. Most of their hints occur in a few
places of such a text. Both ways have the same result.

No rule is applied to more than a part of a long run without a separator, such as a file in base64.
Python's `re` holds the interpreter for a whole search. The rules are linear; should one of them not be, the time of its search still
stays bounded, because no text has a run of more than `LONGEST` characters when a rule is applied to it.

A longer run is never cut: a cut could divide a secret so that neither part is recognized.
The rules are applied to the text with the middle of the run left out, to redact the run as the value that it may be: of a key, a
header, a member of JSON. They are applied to its parts too, which overlap by more than a vendor's token is long; if one part
holds a secret, nothing of the run stays.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import re2

from notification_domain.redaction.families.vendor_tokens import PREFIXED, PREFIXES
from notification_domain.redaction.rule import REDACTED, trie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from notification_domain.redaction.rule import Rule


PER_HINT: Final = 256
"""Characters that are searched in about the time that the surroundings of one hint take."""
LOWER_REDACTED: Final = REDACTED.lower()
_MATCHES_ASCII: Final = {"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"}
"""The letters outside ASCII that match one of ASCII where letter case is ignored."""
LONGEST: Final = 16_384
"""Characters of the longest run that is searched as it is."""
OVERLAP: Final = 2_048
"""Characters that a part of a run shares with the next one."""
END: Final = 4_096
"""Characters that stay of each end of a run when its middle is left out."""
_STEP: Final = LONGEST // 2
_RUN: Final = re.compile(r"[\w+/.~-]+")
"""What tokens consist of. Quotes, blanks, brackets, and what is between a key and its value, separate."""


class Folded(NamedTuple):
    """A text, and the same folded for the search of hints: each character is at the same index in both."""

    text: str
    lower: str

    @classmethod
    def of(cls, text: str) -> Folded:
        return cls(text, fold(text))


def fold(text: str) -> str:
    """Return the text in lower case, of the same length and in ASCII, which is searched several times as fast.

    Whatever matches an ASCII letter becomes that letter; other characters become question marks.
    """
    if text.isascii():
        return text.lower()
    for letter, plain in _MATCHES_ASCII.items():
        text = text.replace(letter, plain)
    return text.encode("ascii", "replace").decode("ascii").lower()


def substitute(rule: Rule, folded: Folded, *, limit: int) -> tuple[Folded, int]:
    """Replace the first `limit` matches of a rule; return the result, and their number."""
    text = folded.text
    if rule.reach is not None and len(text) >= PER_HINT:
        most = min(len(text) // PER_HINT, limit - 1)
        if (hints := occurrences(rule.hints, folded.lower, most)) is not None:
            return substitute_near(rule, rule.reach, folded, hints)
    # Most rules match nothing, and a replacement costs more to prepare than a short text to search.
    if rule.pattern.search(text) is None:
        return folded, 0
    redacted, count = rule.pattern.subn(rule.replacement, text, count=limit)
    return Folded.of(redacted), count


def occurrences(hints: Sequence[str], lower: str, most: int) -> list[int] | None:
    """Return where the hints begin, in ascending order; None if that is in more than `most` places."""
    places: list[int] = []
    for hint in hints:
        place = lower.find(hint)
        while place >= 0:
            if len(places) == most:
                return None
            places.append(place)
            place = lower.find(hint, place + 1)
    places.sort()
    return places


def substitute_near(rule: Rule, reach: int, folded: Folded, hints: Sequence[int]) -> tuple[Folded, int]:
    """Replace the matches that begin at most `reach` characters before one of these indexes; return the result, and their number."""
    spans: list[tuple[int, int]] = []
    untried = 0
    for hint in hints:
        if hint < untried:
            continue
        start = max(untried, hint - reach)
        match = rule.near.match(folded.text, start)
        if match is None:
            untried = start + reach + 1
            continue
        kept = match.end("keep") if rule.keeps else match.start("secret" if reach else 0)
        spans.append((kept, match.end()))
        untried = match.end()
    return redact_spans(folded, spans), len(spans)


def redact_spans(folded: Folded, spans: Sequence[tuple[int, int]]) -> Folded:
    """Replace what is between these indexes, in ascending order."""
    if not spans:
        return folded
    text, lower = folded
    parts: list[str] = []
    lower_parts: list[str] = []
    end = 0
    for start, next_end in spans:
        parts += (text[end:start], REDACTED)
        lower_parts += (lower[end:start], LOWER_REDACTED)
        end = next_end
    return Folded("".join((*parts, text[end:])), "".join((*lower_parts, lower[end:])))


MAX_BYTES: Final = 2 * 1024 * 1024
"""Memory of a scan's automaton, which is built again beyond that."""


class RuleSet:
    """Rules in their order, which a text needs only where it contains one of their hints."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        positions: dict[str, list[int]] = {}
        for position, rule in enumerate(self._rules):
            for hint in rule.hints:
                positions.setdefault(hint, []).append(position)
        self._positions = tuple(positions.values())
        options = re2.Options()
        options.encoding, options.max_mem = re2.Options.Encoding.LATIN1, MAX_BYTES
        self._hints = re2.Set.SearchSet(options)
        for hint in positions:
            self._hints.Add(re2.escape(hint))
        self._hints.Compile()

    def applicable(self, lower: str) -> list[Rule]:
        """Return the rules with a hint in this folded text, in their order."""
        hints = self._hints.Match(lower.encode("ascii")) or ()
        positions = {position for hint in hints for position in self._positions[hint]}
        return [self._rules[position] for position in sorted(positions)]


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


class _LeftOut(NamedTuple):
    """The middle of a run, and what stands for it."""

    mark: str
    middle: str


def apply_bounded(text: str, apply: Callable[[str], str]) -> str:
    """Return what `apply` makes of a text, without a long run in any text that it gets."""
    runs = long_runs(text)
    if not runs:
        return apply(text)
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    parts: list[str] = []
    left_out: list[_LeftOut] = []
    done = 0
    for start, end in runs:
        run, parts_before = text[start:end], text[done:start]
        if any(apply(part) != part for part in _overlapping(run)):
            parts += (parts_before, REDACTED)
        else:
            # A text cannot hold its own digest. Four characters of base64 stand for three bytes: some rules count them.
            mark = f"{digest[:24]}{len(left_out):08}"
            cut = END + (len(run) - 2 * END) // 4 * 4
            left_out.append(_LeftOut(mark, run[END:cut]))
            parts += (parts_before, run[:END], mark, run[cut:])
        done = end
    result = apply("".join((*parts, text[done:])))
    for mark, middle in left_out:
        result = result.replace(mark, middle)
    return result


def long_runs(text: str) -> list[tuple[int, int]]:
    """Return where the runs of more than `LONGEST` characters begin and end.

    Each of them has two places next to each other among those that are a multiple of half that length.
    """
    runs: list[tuple[int, int]] = []
    place = _STEP
    while place + _STEP <= len(text):
        match = _RUN.match(text, place)
        if match is None or match.end() < place + _STEP:
            place += _STEP
            continue
        start = _run_start(text, place)
        if match.end() - start > LONGEST:
            runs.append((start, match.end()))
        place = match.end() // _STEP * _STEP + _STEP
    return runs


def _run_start(text: str, place: int) -> int:
    """Return where the run begins that goes on at a place, at most a step before it."""
    before = _RUN.match(text[place - _STEP : place][::-1])
    return place - (before.end() if before else 0)


def _overlapping(run: str) -> list[str]:
    """Return the parts of a run; neighbors overlap."""
    return [run[start : start + LONGEST] for start in range(0, len(run) - OVERLAP, LONGEST - OVERLAP)]
