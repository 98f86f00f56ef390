"""Which objects of a kind that tenants create are kept, the same on each replica (DD-QUOTA-001). Pure.

The home namespace comes first, then the served ones. Among them, the namespace with the most gives way; within a namespace, the
oldest objects stay.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, islice
from sys import getsizeof, intern, maxsize
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOO_MANY: Final = "too many "
"""How the reason begins for which an object is not kept."""
PLACE_BYTES: Final = 8_192
"""An object counts once more for each of so many bytes of its texts: the limits bound the memory, too."""
COUNTED: Final = f"where each {PLACE_BYTES // 1024} KiB of a spec count as one more"
K = TypeVar("K", bound=tuple[str, ...])
"""The key of an object, which begins with its namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How messages name a kind, the program that uses its objects, and the settings with its limits."""

    plural: str
    user: str
    per_namespace: str
    total: str


RECEIVERS: Final = Kind(
    plural="receivers",
    user="operator",
    per_namespace="receivers.max_per_namespace of the operator",
    total="receivers.max_total of the operator",
)
SOURCES: Final = Kind(
    plural="sources",
    user="gateway",
    per_namespace="gatewayMaxSourcesPerNamespace of the stack",
    total="gatewayMaxSources of the stack",
)


def places(spec: object) -> int:
    """Return how many times an object counts, by its spec as the API server holds it."""
    return 1 + _size(spec) // PLACE_BYTES


def _size(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else getsizeof(value)


class Rank(NamedTuple, Generic[K]):
    """The rank of an object within its namespace: older ones are first."""

    created: str
    key: K
    places: int


class Turn(NamedTuple, Generic[K]):
    """The rank of an object among the objects of all namespaces."""

    group: int
    """0 for the home namespace, 1 for one that is served, 2 for others, which may be served later."""
    position: int
    """The places of its namespace up to this object: the namespaces take turns. In the home namespace it does not count."""
    rank: Rank[K]


@dataclass(slots=True)
class _Line(Generic[K]):
    """The objects of a namespace, of which the first ones are kept."""

    group: int
    ranks: list[Rank[K]] = field(default_factory=list)
    count: int = 0
    """How many are kept."""
    places: int = 0
    """The places that these take."""

    def move(self, rank: Rank[K], step: int) -> None:
        """Keep one object more or less."""
        self.count += step
        self.places += step * rank.places

    def turns(self, most: int) -> tuple[Turn[K] | None, Turn[K] | None]:
        """Return the last object that is kept, and the next one for which the limit of the namespace has room."""
        last = following = None
        if self.count:
            last = Turn(self.group, self.group and self.places, self.ranks[self.count - 1])
        if self.count < len(self.ranks):
            rank = self.ranks[self.count]
            if (position := self.places + rank.places) <= most:
                following = Turn(self.group, self.group and position, rank)
        return last, following


class Quota(Generic[K]):
    """Counts the objects of a kind that exist, and says which of them are kept.

    Args:
        kind: how messages name them.
        home: the namespace of the program that uses them.
        per_namespace: how many places the objects of a namespace have.
        total: how many places the objects of all namespaces have.
    """

    def __init__(self, kind: Kind, *, home: str, per_namespace: int = maxsize, total: int = maxsize) -> None:
        self._kind = kind
        self._home = home
        self._per_namespace = per_namespace
        self._total = total
        self._ranks: dict[K, Rank[K]] = {}
        self._lines: dict[str, _Line[K]] = {}
        self._places = 0
        """The places of all objects that are kept."""
        self._last: list[Turn[K]] = []
        """The last kept object of each namespace, in their order."""
        self._next: list[Turn[K]] = []
        """The first object of each namespace that only the limit of all namespaces refuses, in their order."""

    @property
    def keys(self) -> Iterable[K]:
        """All objects that exist."""
        return self._ranks.keys()

    def add(self, key: K, *, created: str, places: int = 1, served: bool = True) -> list[K]:
        """Count an object; return others that are perhaps no longer kept, or are kept now.

        Args:
            key: the object, which may be counted already.
            created: its creationTimestamp.
            places: how many times it counts.
            served: whether its namespace is served.
        """
        rank = Rank(created, key, places)
        changed = self.serve(key[0], served=served)
        if self._ranks.get(key) != rank:
            changed += self.remove(key)
            self._ranks[key] = rank
            changed += self._insert(rank, self._group(key[0], served=served))
        return [each for each in changed if each != key]

    def _insert(self, rank: Rank[K], group: int) -> list[K]:
        line = self._lines.setdefault(rank.key[0], _Line(group))
        changed: list[K] = []
        position = bisect_left(line.ranks, rank)
        with self._changed(line):
            line.ranks.insert(position, rank)
            if position < line.count:
                line.move(rank, 1)
            while line.places > self._per_namespace:
                late = line.ranks[line.count - 1]
                line.move(late, -1)
                changed.append(late.key)
        return changed + self._settle()

    def remove(self, key: K) -> list[K]:
        """Forget an object; return others that are perhaps kept now."""
        rank = self._ranks.pop(key, None)
        if rank is None:
            return []
        line = self._lines[key[0]]
        position = bisect_left(line.ranks, rank)
        with self._changed(line):
            del line.ranks[position]
            if position < line.count:
                line.move(rank, -1)
        if not line.ranks:
            del self._lines[key[0]]
        return self._settle()

    def serve(self, namespace: str, *, served: bool) -> list[K]:
        """Take in whether a namespace is served; return the objects that are no longer kept, or are kept now."""
        line, group = self._lines.get(namespace), self._group(namespace, served=served)
        if line is None or line.group == group:
            return []
        with self._changed(line):
            line.group = group
        return self._settle()

    def _group(self, namespace: str, *, served: bool) -> int:
        return 0 if namespace == self._home else 1 if served else 2

    @contextmanager
    def _changed(self, line: _Line[K]) -> Iterator[None]:
        """Keep the order of the namespaces while the objects of one change."""
        self._places -= line.places
        for turns, turn in zip((self._last, self._next), line.turns(self._per_namespace), strict=True):
            if turn is not None:
                del turns[bisect_left(turns, turn)]
        yield
        self._places += line.places
        for turns, turn in zip((self._last, self._next), line.turns(self._per_namespace), strict=True):
            if turn is not None:
                insort(turns, turn)

    def _settle(self) -> list[K]:
        """Keep the first objects of all, in their order, as far as there is room; return those for which that has changed."""
        changed: list[K] = []
        while True:
            following = self._next[0] if self._next else None
            if self._places > self._total:
                changed.append(self._move(self._last[-1].rank, -1))
            elif following and self._places + following.rank.places <= self._total:
                changed.append(self._move(following.rank, 1))
            elif following and self._last and following < self._last[-1]:
                changed.append(self._move(self._last[-1].rank, -1))
            else:
                return changed

    def _move(self, rank: Rank[K], step: int) -> K:
        line = self._lines[rank.key[0]]
        with self._changed(line):
            line.move(rank, step)
        return rank.key

    def problem(self, key: K) -> str:
        """Return why an object that is counted is not kept; empty if it is. Any number of them share one text."""
        rank, line, kind = self._ranks[key], self._lines[key[0]], self._kind
        position = bisect_left(line.ranks, rank)
        if position < line.count:
            return ""
        if any(
            taken > self._per_namespace
            for taken in accumulate(each.places for each in islice(line.ranks, position + 1))
        ):
            return intern(
                f"{TOO_MANY}{kind.plural} in namespace {key[0]}: the {kind.user} uses the {self._per_namespace} oldest of a namespace, "
                f"{COUNTED}; delete some of them, or raise {kind.per_namespace}"
            )
        return intern(
            f"{TOO_MANY}{kind.plural} in all namespaces together: the {kind.user} uses {self._total}, those of its own namespace first, and "
            f"the oldest of the namespaces with the most, {COUNTED}; delete some of them, or raise {kind.total}"
        )
