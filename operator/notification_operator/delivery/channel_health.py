"""How well each channel has been doing: the share of its latest tries that succeeded."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final

LATEST: Final = 20
"""Tries that a score looks back on."""


class Scores:
    """Remembers how the latest tries of each channel ended."""

    def __init__(self) -> None:
        self._ends: defaultdict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=LATEST))

    def note(self, channel: str, *, succeeded: bool) -> None:
        """Take in how a try ended."""
        self._ends[channel].append(succeeded)

    def score(self, channel: str) -> float:
        """Return a number from 0 to 1; 1 while nothing has been tried."""
        ends = self._ends.get(channel)
        return sum(ends) / len(ends) if ends else 1.0
