"""Which receivers are kept: the oldest of each namespace and of all, the same on each replica. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from sys import maxsize
from typing import TYPE_CHECKING, Final, NamedTuple

from notification_operator.domain.receivers.catalog import ReceiverKey

if TYPE_CHECKING:
    from collections.abc import Iterable

TOO_MANY: Final = "too many receivers"
"""How the reason begins for which a receiver is not kept."""


class Rank(NamedTuple):
    """The place of a receiver among all: those of the operator's own namespace are first, then older ones."""

    elsewhere: bool
    created: str
    namespace: str
    name: str

    @property
    def key(self) -> ReceiverKey:
        return ReceiverKey(self.namespace, self.name)


class Quota:
    """Counts the receivers that exist, and says which of them are kept.

    Args:
        home: the operator's own namespace.
        per_namespace: how many are kept of a namespace.
        total: how many are kept of all namespaces.
    """

    def __init__(self, *, home: str, per_namespace: int = maxsize, total: int = maxsize) -> None:
        self._home = home
        self._per_namespace = per_namespace
        self._total = total
        self._ranks: dict[ReceiverKey, Rank] = {}
        self._namespaces: dict[str, list[Rank]] = {}
        """The receivers of each namespace in their order."""
        self._within: list[Rank] = []
        """Those that are within the limits of their namespaces, in their order."""

    @property
    def keys(self) -> Iterable[ReceiverKey]:
        """All receivers that exist."""
        return self._ranks.keys()

    def add(self, key: ReceiverKey, *, created: str) -> list[ReceiverKey]:
        """Count a receiver; return those that are perhaps no longer kept, or are kept now.

        Args:
            key: the receiver, which may be counted already.
            created: its creationTimestamp.
        """
        rank = Rank(key.namespace != self._home, created, *key)
        if self._ranks.get(key) == rank:
            return []
        changed = self.remove(key)
        self._ranks[key] = rank
        same = self._namespaces.setdefault(key.namespace, [])
        insort(same, rank)
        if bisect_left(same, rank) < self._per_namespace:
            insort(self._within, rank)
            for late in same[self._per_namespace : self._per_namespace + 1]:
                del self._within[bisect_left(self._within, late)]
                changed.append(late.key)
        return changed + [late.key for late in self._within[self._total : self._total + 1]]

    def remove(self, key: ReceiverKey) -> list[ReceiverKey]:
        """Forget a receiver; return those that are perhaps kept now."""
        rank = self._ranks.pop(key, None)
        if rank is None:
            return []
        same = self._namespaces[key.namespace]
        position = bisect_left(same, rank)
        del same[position]
        if not same:
            del self._namespaces[key.namespace]
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
        rank, same = self._ranks[key], self._namespaces[key.namespace]
        if bisect_left(same, rank) >= self._per_namespace:
            return (
                f"{TOO_MANY}: namespace {key.namespace} has {len(same)}, and the operator uses the {self._per_namespace} "
                "oldest of a namespace; delete some of them, or raise receivers.max_per_namespace of the operator"
            )
        if bisect_left(self._within, rank) >= self._total:
            return (
                f"{TOO_MANY}: all namespaces together have {len(self._ranks)}, and the operator uses the {self._total} oldest; "
                "delete some of them, or raise receivers.max_total of the operator"
            )
        return ""
