"""How the time of each redaction rule grows with the length of a text; `python -m …growth` prints the slowest rules.

A hostile text repeats the beginning of what a rule matches, after and before characters that may belong to it: so that the rule begins
often and never ends. Eight times the length takes about 8 times as long, or 64 times if the rule is quadratic.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_domain.redaction.families.vendor_tokens import PREFIXED
from notification_domain.redaction.redact import LIMIT
from notification_domain.redaction.rules import RULES
from notification_domain.redaction.search import Folded, substitute, substitute_tokens

if TYPE_CHECKING:
    from notification_domain.redaction.rule import Rule

BEFORE: Final = ("", "_", "-", ".", " ", "=", '"')
AFTER: Final = ("", "a", ".", "=")
SHORT: Final = 1_024
TIMES: Final = 8
MOST: Final = 24
"""How many times as long a text of 8 times the length may take."""
SUSPICIOUS: Final = 14
"""A first measurement above that is repeated: other processes and the garbage collector disturb it."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How many times as long a rule takes for a text of `TIMES` the length that repeats a unit."""

    ratio: float
    rule: str
    unit: str


def beginnings(rule: Rule) -> list[str]:
    """Return the beginnings of the rule's match in its example: to the end of its first hint, and to where the secret begins."""
    match = rule.pattern.search(rule.example)
    assert match is not None, rule.name
    whole = match[0]
    hint_ends = [whole.lower().find(hint) + len(hint) for hint in rule.hints if hint in whole.lower()]
    ends = {min(hint_ends, default=4), match.end("keep") - match.start() if rule.keeps else 12}
    return [whole[:end] for end in sorted(ends)]


def units(rule: Rule) -> list[str]:
    """Return what the hostile texts for a rule repeat."""
    return [f"{before}{start}{after}" for start in beginnings(rule) for before in BEFORE for after in AFTER]


def repeated(unit: str, length: int) -> Folded:
    """Return the text of this length that repeats a unit."""
    return Folded.of((unit * (length // len(unit) + 1))[:length])


def seconds(rule: Rule, text: Folded, *, runs: int) -> float:
    """Return the CPU time of this thread in which a rule is applied, the best of some runs."""
    times = []
    for _ in range(runs):
        start = time.thread_time()
        substitute(rule, text, limit=LIMIT)
        if rule in PREFIXED:
            substitute_tokens(text, limit=LIMIT)
        times.append(time.thread_time() - start)
    return min(times)


def growth(rule: Rule, unit: str) -> Growth:
    """Measure a rule on texts that repeat a unit: again and longer where it looks worse than linear."""
    ratio = _ratio(rule, unit, SHORT, runs=1)
    if ratio > SUSPICIOUS:
        ratio = _ratio(rule, unit, SHORT, runs=4)
    if ratio > SUSPICIOUS:
        ratio = _ratio(rule, unit, 2 * SHORT, runs=3)
    return Growth(ratio, rule.name, unit)


def _ratio(rule: Rule, unit: str, length: int, *, runs: int) -> float:
    short = seconds(rule, repeated(unit, length), runs=2 * runs)
    return seconds(rule, repeated(unit, TIMES * length), runs=runs) / short


def main() -> None:
    """Print the rules whose time grows most, and how often each text was measured."""
    start = time.process_time()
    slowest = sorted(
        (growth(each, unit) for each in RULES for unit in units(each)),
        key=lambda each: each.ratio,
        reverse=True,
    )
    for each in slowest[:12]:
        print(f"{each.ratio:5.1f} times  {each.rule:<24} {each.unit!r}")  # noqa: T201 - the output of a command
    print(f"{len(slowest)} texts, {time.process_time() - start:.1f} s of CPU time")  # noqa: T201 - the output of a command


if __name__ == "__main__":
    main()
