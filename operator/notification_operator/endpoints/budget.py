"""The budget of each channel: the bytes of content that its running and waiting attempts may hold (DD-BOUNDS-001).

There may be any number of receivers, so they share a few partitions: a receiver that hangs delays only those of its own.
An attempt that does not fit waits as a key, without content. When its turn comes, its object is reconciled and read
again. Namespaces take turns. An object that is larger than the budget of a channel has that channel to itself.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

from notification_operator.fair.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from notification_operator.domain.key import Key
    from notification_operator.domain.model import Content

OVERHEAD: Final = 4_096
"""Bytes of an attempt without its content."""
RECEIVER_PARTS: Final = 4
"""Parts of the budget that all receivers partition."""
MOST_OVERTAKEN: Final = 64
"""Attempts that overtake a larger one; after them everything waits until that one fits."""


def content_size(content: Content) -> int:
    maps = (content.metadata, content.labels, content.annotations, *content.action_links, *content.recipients)
    texts = (text for each in maps for pair in each.items() for text in pair)
    return sum(map(sys.getsizeof, (content.subject, content.body, *texts)))


def cost(size: int, copies: int) -> int:
    """Return what an attempt takes from the budget that holds so many copies of a content of this size."""
    return OVERHEAD + copies * size


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter:
    key: Key
    size: int
    overtaken: int = 0


class Partition:
    """The part of the budget that a channel, or a fourth of the receivers, has."""

    def __init__(self, limit: int, on_room: Callable[[Key], None]) -> None:
        self._limit = limit
        self._on_room = on_room
        self.used = 0
        self._grants: dict[str, int] = {}
        """The size that is kept for an object until it is reconciled, by uid."""
        self._queue: FairQueue[_Waiter] = FairQueue()
        self._waiters: dict[str, _Waiter] = {}
        """The objects in the queue, by uid."""

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def fits(self, size: int) -> bool:
        return not self.used or self.used + size <= self._limit

    def take_grant(self, uid: str) -> int | None:
        return self._grants.pop(uid, None)

    def take(self, namespace: str, size: int) -> bool:
        """Take room at once: the objects of other namespaces that wait do not fit into it."""
        if self._queue.line(namespace) or not self.fits(size) or not self._may_overtake():
            return False
        self.used += size
        return True

    def _may_overtake(self) -> bool:
        first = [waiter for _, waiter in self._queue.heads()] if self._waiters else []
        if any(waiter.overtaken >= MOST_OVERTAKEN for waiter in first):
            return False
        for waiter in first:
            waiter.overtaken += 1
        return True

    def wait(self, key: Key, size: int) -> None:
        """Wait for room; an object that waits already keeps its place."""
        if key.uid not in self._waiters and key.uid not in self._grants:
            waiter = self._waiters[key.uid] = _Waiter(key=key, size=size)
            self._queue.add(key.namespace, waiter)

    def release(self, size: int) -> None:
        self.used -= size
        while (waiter := self._next()) is not None:
            self._grants[waiter.key.uid] = waiter.size
            self.used += waiter.size
            self._on_room(waiter.key)

    def forget(self, uid: str) -> None:
        waiter = self._waiters.pop(uid, None)
        if waiter is not None:
            self._queue.discard(waiter.key.namespace, waiter)
        self.release(self._grants.pop(uid, 0))

    def _next(self) -> _Waiter | None:
        for namespace, waiter in self._queue.heads():
            if self.fits(waiter.size):
                del self._waiters[waiter.key.uid]
                return self._queue.pop(namespace)
            if waiter.overtaken >= MOST_OVERTAKEN:
                return None
            waiter.overtaken += 1
        return None


class Reservation:
    """Room that an attempt holds until its end."""

    def __init__(self, release: Callable[[int], None], size: int) -> None:
        self._release = release
        self._size = size

    def release(self) -> None:
        """Return the room; a second call does nothing."""
        size, self._size = self._size, 0
        if size:
            self._release(size)


class ContentBudget:
    """Bounds the content of all attempts, in equal parts per channel: no channel waits for another.

    Args:
        limit: bytes for all channels; None for no limit.
        channels: the names of the channels.
        on_room: called with an object that waited when there is room for it.
    """

    def __init__(
        self, limit: int | None, *, channels: Iterable[str] = (), on_room: Callable[[Key], None]
    ) -> None:
        parts = len(tuple(channels)) + RECEIVER_PARTS
        self._part = sys.maxsize if limit is None else limit // parts
        self._on_room = on_room
        self._partitions: dict[str, Partition] = {}

    @property
    def waiting(self) -> int:
        return sum(partition.waiting for partition in self._partitions.values())

    @property
    def used(self) -> int:
        """The bytes that are held or kept for the next reconciliation."""
        return sum(partition.used for partition in self._partitions.values())

    def lease(self, key: Key) -> BudgetLease:
        """Return the lease of an object for one reconciliation of it; close it at the end."""
        return BudgetLease(self, key)

    def forget(self, uid: str) -> None:
        """Let an object wait no longer, and keep no room for it."""
        for partition in self._partitions.values():
            partition.forget(uid)

    def partition(self, part: str) -> Partition:
        """Return a part of the budget; a channel that is not configured has one too."""
        partition = self._partitions.get(part)
        if partition is None:
            partition = self._partitions[part] = Partition(self._part, self._on_room)
        return partition

    def grants(self, uid: str) -> dict[str, int]:
        """Remove and return the room that is kept for an object, by part."""
        kept = ((name, partition.take_grant(uid)) for name, partition in self._partitions.items())
        return {name: size for name, size in kept if size is not None}


class BudgetLease:
    """The room of one object during a reconciliation: what was kept for it and is not used is returned at the end."""

    def __init__(self, budget: ContentBudget, key: Key) -> None:
        self._budget = budget
        self._key = key
        self._grants = budget.grants(key.uid)

    def close(self) -> None:
        for channel, size in self._grants.items():
            self._budget.partition(channel).release(size)
        self._grants = {}

    def hold(self, targets: Iterable[str], size: int) -> frozenset[str]:
        """Keep room for each target, for a later `reserve` of this lease; return the targets that have none."""
        missing = {target for target in targets if not self._hold(part_of(target), size)}
        for target in missing:
            self._budget.partition(part_of(target)).wait(self._key, size)
        return frozenset(missing)

    def _hold(self, part: str, size: int) -> bool:
        if part not in self._grants:
            if not self._budget.partition(part).take(self._key.namespace, size):
                return False
            self._grants[part] = size
        return True

    def reserve(self, target: str, size: int) -> Reservation | None:
        """Return room for an attempt; without room, wait for it and return None."""
        part = part_of(target)
        partition = self._budget.partition(part)
        granted = self._grants.pop(part, None)
        if granted is not None:
            return Reservation(partition.release, granted)
        if partition.take(self._key.namespace, size):
            return Reservation(partition.release, size)
        partition.wait(self._key, size)
        return None


def part_of(target: str) -> str:
    path, slash, _ = target.partition("#")[0].partition("/")
    return f"receivers {crc32(target.partition('#')[0].encode()) % RECEIVER_PARTS}" if slash else path
