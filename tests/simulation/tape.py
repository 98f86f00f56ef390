"""The choices of a schedule: bytes, read one after another, so that a schedule can be replayed and shrunk.

Once the tape is used up every choice is the harmless first one: an empty tape is a world in which
nothing goes wrong, and a shorter tape is a simpler story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Option = TypeVar("Option")


class Tape:
    """Reads choices from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def used(self) -> int:
        """How many bytes were read."""
        return min(self._at, len(self._data))

    def number(self, options: int) -> int:
        """Return a number below `options` (1 to 256)."""
        value = self._data[self._at] if self._at < len(self._data) else 0
        self._at += 1
        return value * options >> 8

    def pick(self, options: Sequence[Option]) -> Option:
        """Return one of the options."""
        return options[self.number(len(options))]

    def chance(self, percent: int) -> bool:
        """Return whether something happens that does so in `percent` of the cases."""
        return self.number(100) >= 100 - percent
