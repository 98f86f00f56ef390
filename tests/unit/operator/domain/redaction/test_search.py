"""Where a rule matches: the surroundings of its hints have the same matches as the whole text."""

import random
import re
import sys

from notification_domain.redaction.rule import Hints, rule
from notification_domain.redaction.rules import RULES
from notification_domain.redaction.search import (
    PER_HINT,
    Folded,
    fold,
    occurrences,
    substitute,
    substitute_near,
)
from tests.kit.hostile_texts import UNITS
from tests.unit.operator.domain.redaction.corpus import secrets
from tests.unit.operator.domain.redaction.harmless import HARMLESS

PIECES = (
    *(rule.example for rule in RULES),
    *(rule.counter_example for rule in RULES),
    *(hint for rule in RULES for hint in rule.hints),
    *(secret.text for secret in secrets(7)),
    *HARMLESS,
    *UNITS,
    *"abikK\u0131\u017f\u212as0.=:@-_ /\"'\n\u0130\u03a3",
)


def every_character() -> str:
    return "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def mixtures(count: int) -> list[str]:
    """Return texts of up to 40 pieces, always the same."""
    choices = random.Random(17)  # noqa: S311 - a reproducible mixture
    return ["".join(choices.choices(PIECES, k=choices.randint(1, 40))) for _ in range(count)]


MIXTURES = mixtures(100)


def test_surroundings_of_hints_have_the_matches_of_the_whole_text() -> None:
    for each in RULES:
        if each.reach is None:
            continue
        for text in (each.example, f"{each.example}\n{each.example}", *MIXTURES):
            redacted, count = each.pattern.subn(each.replacement, text)
            folded = Folded.of(text)
            hints = occurrences(each.hints, folded.lower, sys.maxsize)
            assert hints is not None
            near = substitute_near(each, each.reach, folded, hints)
            assert near == (Folded.of(redacted), count), each.name


def test_long_text_with_few_hints_is_searched_only_around_them() -> None:
    """A rule whose reach is too short misses there what a search of the whole text finds."""
    short = rule("short", Hints("@", reach=2), "[a-z]{4}@", example="", counter_example="")
    assert substitute(short, Folded.of("name@"), limit=10)[1] == 1
    assert substitute(short, Folded.of("name@" + " " * PER_HINT), limit=10)[1] == 0


def test_folded_text_keeps_every_index_and_shows_what_matches_a_letter() -> None:
    letters = set("abcdefghijklmnopqrstuvwxyz")
    characters = every_character()
    assert len(fold(characters)) == len(characters)
    assert {each for each in characters if fold(each) in letters} == set(re.findall("(?i)[a-z]", characters))
