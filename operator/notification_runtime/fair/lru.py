"""Maps that keep a bounded number of values: the ones used most recently, or a fair share of each namespace. Pure."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterator, ValuesView

K = TypeVar("K")
V = TypeVar("V")


class LruMap(Generic[K, V]):
    """Remembers a value for each key; the value that was used least recently gives way to a new key.

    `use` and `put` use a value; `get` and iteration do not.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()
        self.get: Final = self._values.get
        """The dictionary's own method, because it is fast: several maps are asked in each attempt."""

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[K]:
        """Iterate over the keys, the one used least recently first."""
        return iter(self._values)

    def values(self) -> ValuesView[V]:
        return self._values.values()

    def items(self) -> ItemsView[K, V]:
        return self._values.items()

    def use(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key; a new one if it has none."""
        value = self._values.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        else:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> tuple[K, V] | None:
        """Remember a value; return the key and the value that are forgotten for it, if any are."""
        self._values[key] = value
        self._values.move_to_end(key)
        return self._values.popitem(last=False) if len(self._values) > self._most else None

    def pop(self, key: K) -> V | None:
        """Forget a key; return its value, if it has one."""
        return self._values.pop(key, None)

    def clear(self) -> None:
        self._values.clear()


class SharedMap(Generic[K, V]):
    """Remembers values of several namespaces; the namespace with the most gives way to a new key, with its oldest values.

    Args:
        most: how many values are remembered, or how much they take together.
        size: returns what a value takes at the time at which it is put.
    """

    def __init__(self, most: int, *, size: Callable[[V], int] = lambda _value: 1) -> None:
        self._most = most
        self._size = size
        self._values: dict[str, OrderedDict[K, tuple[V, int]]] = {}
        self._held: Counter[str] = Counter()
        """What the values of each namespace take."""
        self._taken = 0

    def __iter__(self) -> Iterator[tuple[str, K]]:
        """Iterate over namespaces and their keys, the oldest one of a namespace first."""
        return ((namespace, key) for namespace, values in self._values.items() for key in values)

    def get(self, namespace: str, key: K) -> V | None:
        """Return the value of a key; None if it has none."""
        values = self._values.get(namespace, OrderedDict())
        return values[key][0] if key in values else None

    def put(self, namespace: str, key: K, value: V) -> list[V]:
        """Remember a value as the newest one of its namespace; return the values that are forgotten for it."""
        self.pop(namespace, key)
        size, forgotten = self._size(value), []
        self._values.setdefault(namespace, OrderedDict())[key] = value, size
        self._held[namespace] += size
        self._taken += size
        while self._taken > self._most:
            largest = max(self._held, key=self._held.__getitem__)
            oldest = self.pop(largest, next(iter(self._values[largest])))
            forgotten += [] if oldest is None else [oldest]
        return forgotten

    def pop(self, namespace: str, key: K) -> V | None:
        """Forget a key; return its value, if it has one."""
        values = self._values.get(namespace)
        if values is None or key not in values:
            return None
        value, size = values.pop(key)
        self._held[namespace] -= size
        self._taken -= size
        if not values:
            del self._values[namespace], self._held[namespace]
        return value
