"""Which receivers are kept: the oldest of each namespace and of all served ones, the same on each replica. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from sys import getsizeof, intern, maxsize
from typing import TYPE_CHECKING, Final, NamedTuple

from notification_operator.domain.receivers.catalog import ReceiverKey

if TYPE_CHECKING:
    from collections.abc import Iterable

TOO_MANY: Final = "too many receivers"
"""How the reason begins for which a receiver is not kept."""
PLACE_BYTES: Final = 8_192
"""A receiver counts once more for each of so many bytes of its texts: the limits bound the memory, too."""
COUNTED: Final = f"where each {PLACE_BYTES // 1024} KiB of a spec count as one more"


def places(spec: object) -> int:
    """Return how many times a receiver counts, by its spec as the API server holds it."""
    return 1 + _size(spec) // PLACE_BYTES


def _size(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else getsizeof(value)


class Rank(NamedTuple):
    """One place of a receiver among all: those of the operator's own namespace are first, then of served ones, then older ones."""

    group: int
    """0 for the operator's own namespace, 1 for one that it serves, 2 for others, which it may serve later."""
    created: str
    namespace: str
    name: str
    number: int
    """That of the place; a receiver is kept if its last one is."""

    @property
    def key(self) -> ReceiverKey:
        return ReceiverKey(self.namespace, self.name)


class Quota:
    """Counts the receivers that exist, and says which of them are kept.

    Args:
        home: the operator's own namespace.
        per_namespace: how many places those of a namespace have.
        total: how many places those of all namespaces have.
    """

    def __init__(self, *, home: str, per_namespace: int = maxsize, total: int = maxsize) -> None:
        self._home = home
        self._per_namespace = per_namespace
        self._total = total
        self._ranks: dict[ReceiverKey, tuple[Rank, ...]] = {}
        self._namespaces: dict[str, list[Rank]] = {}
        """The receivers of each namespace in their order."""
        self._within: list[Rank] = []
        """Those that are within the limits of their namespaces, in their order."""

    @property
    def keys(self) -> Iterable[ReceiverKey]:
        """All receivers that exist."""
        return self._ranks.keys()

    def add(
        self, key: ReceiverKey, *, created: str, places: int = 1, served: bool = True
    ) -> list[ReceiverKey]:
        """Count a receiver; return others that are perhaps no longer kept, or are kept now.

        Args:
            key: the receiver, which may be counted already.
            created: its creationTimestamp.
            places: how many times it counts.
            served: whether the operator serves its namespace.
        """
        group = 0 if key.namespace == self._home else 1 if served else 2
        ranks = tuple(Rank(group, created, *key, number) for number in range(places))
        if self._ranks.get(key) == ranks:
            return []
        changed = self.remove(key)
        self._ranks[key] = ranks
        for rank in ranks:
            changed += self._insert(rank)
        return [each for each in changed if each != key]

    def remove(self, key: ReceiverKey) -> list[ReceiverKey]:
        """Forget a receiver; return others that are perhaps kept now."""
        ranks = self._ranks.pop(key, ())
        changed: list[ReceiverKey] = []
        for rank in ranks:
            changed += self._delete(rank)
        return [each for each in changed if each != key]

    def serve(self, namespace: str, *, served: bool) -> list[ReceiverKey]:
        """Take in whether a namespace is served; return the receivers that are perhaps no longer kept, or are kept now."""
        changed: list[ReceiverKey] = []
        for key, ranks in tuple(self._ranks.items()):
            if key.namespace == namespace:
                changed += (key, *self.add(key, created=ranks[0].created, places=len(ranks), served=served))
        return changed

    def _insert(self, rank: Rank) -> list[ReceiverKey]:
        changed: list[ReceiverKey] = []
        same = self._namespaces.setdefault(rank.namespace, [])
        insort(same, rank)
        if bisect_left(same, rank) < self._per_namespace:
            insort(self._within, rank)
            for late in same[self._per_namespace : self._per_namespace + 1]:
                del self._within[bisect_left(self._within, late)]
                changed.append(late.key)
        return changed + [late.key for late in self._within[self._total : self._total + 1]]

    def _delete(self, rank: Rank) -> list[ReceiverKey]:
        same = self._namespaces[rank.namespace]
        position = bisect_left(same, rank)
        del same[position]
        if not same:
            del self._namespaces[rank.namespace]
        if position >= self._per_namespace:
            return []
        del self._within[bisect_left(self._within, rank)]
        next_one = same[self._per_namespace - 1 : self._per_namespace]
        for each in next_one:
            insort(self._within, each)
        kept = (*next_one, *self._within[self._total - 1 : self._total])
        return [each.key for each in kept]

    def problem(self, key: ReceiverKey) -> str:
        """Return why a receiver that is counted is not kept; empty if it is."""
        rank, same = self._ranks[key][-1], self._namespaces[key.namespace]
        if bisect_left(same, rank) >= self._per_namespace:
            # There may be any number of them, which share one text.
            return intern(
                f"{TOO_MANY} in namespace {key.namespace}: the operator uses the {self._per_namespace} oldest of a namespace, "
                f"{COUNTED}; delete some of them, or raise receivers.max_per_namespace of the operator"
            )
        if bisect_left(self._within, rank) >= self._total:
            return intern(
                f"{TOO_MANY} in all namespaces together: the operator uses the {self._total} oldest, {COUNTED}; "
                "delete some of them, or raise receivers.max_total of the operator"
            )
        return ""
