"""No retired word of DD-NAMES-001 is left in the repository."""

from __future__ import annotations

import pytest

from tests.unit.repository import vocabulary
from tests.unit.repository.vocabulary import WORDS, Word

SAMPLES = [(word, sample, True) for word in WORDS for sample in word.bad] + [
    (word, sample, False) for word in WORDS for sample in word.fine
]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.name)
def test_retired_word_is_absent(word: Word) -> None:
    counts = vocabulary.counts(word)
    lines = [f"  {count:4} {path}" for path, count in counts.most_common()]
    summary = f"{counts.total()} x {word.name!r}, write {word.use!r} (DD-NAMES-001):"
    assert not counts, "\n".join([summary, *lines])


@pytest.mark.parametrize(("word", "sample", "expected"), SAMPLES)
def test_pattern_matches_its_samples(word: Word, sample: str, *, expected: bool) -> None:
    assert vocabulary.matches(word, sample) is expected


def test_listing_names_path_line_and_replacement(capsys: pytest.CaptureFixture[str]) -> None:
    (word,) = (word for word in WORDS if word.name == "noqa: PLW0108")
    assert vocabulary.main([word.name]) == int(bool(vocabulary.counts(word)))
    assert capsys.readouterr().out.endswith("occurrence(s)\n")
