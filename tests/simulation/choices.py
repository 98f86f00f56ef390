"""The choices of a schedule: bytes, read one after another, so that a schedule can be replayed and shrunk.

After the last byte every choice is the harmless first option: without any bytes nothing goes wrong, and fewer bytes
make a simpler trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Option = TypeVar("Option")


class Choices:
    """Reads choices from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def used(self) -> int:
        """The number of bytes that were read."""
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
        """Return whether something happens that happens in `percent` of the cases."""
        return self.number(100) >= 100 - percent
