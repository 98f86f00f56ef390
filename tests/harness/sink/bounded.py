"""A bounded list of the newest items, by number and size."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")


class Bounded(Generic[Item]):
    """Items in their order; `weigh` returns the constant size of an item in bytes."""

    def __init__(self, *, count: int, size: int, weigh: Callable[[Item], int]) -> None:
        self._items: deque[Item] = deque()
        self._count, self._size, self._weigh = count, size, weigh
        self._held = 0

    def add(self, item: Item) -> None:
        """Add an item, and drop the oldest ones beyond the bounds."""
        self._items.append(item)
        self._held += self._weigh(item)
        while self._items and (len(self._items) > self._count or self._held > self._size):
            self._held -= self._weigh(self._items.popleft())

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
