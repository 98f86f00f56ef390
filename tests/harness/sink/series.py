"""What happens call by call: each takes the next thing, and the last one repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")


class Series(Generic[Item]):
    """A queue that never runs dry; an empty one gives what it was made `otherwise` with."""

    def __init__(self, items: Iterable[Item], *, otherwise: Item) -> None:
        self._items = list(items) or [otherwise]

    def take(self) -> Item:
        """Return the next thing."""
        return self._items.pop(0) if len(self._items) > 1 else self._items[0]
