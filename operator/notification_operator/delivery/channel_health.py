"""The health of each channel: the share of its latest attempts that succeeded."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final

LATEST: Final = 20
"""Attempts that a score covers."""


class ChannelHealth:
    """Remembers the results of the latest attempts of each channel."""

    def __init__(self) -> None:
        self._results: defaultdict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=LATEST))

    def record(self, channel: str, *, succeeded: bool) -> None:
        """Take in the result of an attempt."""
        self._results[channel].append(succeeded)

    def score(self, channel: str) -> float:
        """Return a number from 0 to 1; 1 before the first attempt."""
        results = self._results.get(channel)
        return sum(results) / len(results) if results else 1.0
