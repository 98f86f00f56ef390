"""A sequence whose last item repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")


class Series(Generic[Item]):
    """A queue whose last item repeats; an empty one returns `otherwise`."""

    def __init__(self, items: Iterable[Item], *, otherwise: Item) -> None:
        self._items = list(items) or [otherwise]

    def take(self) -> Item:
        return self._items.pop(0) if len(self._items) > 1 else self._items[0]
