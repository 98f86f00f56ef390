"""A memory with an end: the newest things, within a number and a size; the oldest go first."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Item = TypeVar("Item")


class Bounded(Generic[Item]):
    """Things in the order in which they came; `weigh` gives what one costs, in bytes, and may not change its mind."""

    def __init__(self, *, count: int, size: int, weigh: Callable[[Item], int]) -> None:
        self._items: deque[Item] = deque()
        self._count, self._size, self._weigh = count, size, weigh
        self._held = 0

    def add(self, item: Item) -> None:
        """Keep a thing, and forget as many of the oldest as that asks for."""
        self._items.append(item)
        self._held += self._weigh(item)
        while self._items and (len(self._items) > self._count or self._held > self._size):
            self._held -= self._weigh(self._items.popleft())

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
