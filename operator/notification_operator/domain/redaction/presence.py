"""Which of many words occur in a text. RE2 follows all of them in one scan; Python would scan the text for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Presence:
    """Words, and the positions of the rules that each of them is a hint of."""

    def __init__(self, positions: Mapping[str, Iterable[int]]) -> None:
        """Compile the words, which are ASCII; letter case counts."""
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        self._words = re2.Set.SearchSet(options)
        for word in positions:
            self._words.Add(re2.escape(word))
        self._words.Compile()
        self._positions = tuple(map(frozenset, positions.values()))

    def in_text(self, text: str) -> set[int]:
        """Return the positions for all words that the text contains."""
        words = self._words.Match(text.encode("ascii", "replace"))
        return set().union(*(self._positions[word] for word in words or ()))
