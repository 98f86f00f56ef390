"""Sequences of the sink: one whose last item repeats, and one that keeps the newest items."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")


class Series(Generic[Item]):
    """A queue whose last item repeats; an empty one returns `otherwise`."""

    def __init__(self, items: Iterable[Item], *, otherwise: Item) -> None:
        self._items = list(items) or [otherwise]

    def take(self) -> Item:
        return self._items.pop(0) if len(self._items) > 1 else self._items[0]


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
