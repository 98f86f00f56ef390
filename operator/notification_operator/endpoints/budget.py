"""The budget of each channel: the bytes of content that its running and waiting attempts may hold (DD-BOUNDS-001).

There may be any number of receivers, so they share a few partitions: a receiver that hangs delays only those of its own.
Large contents for receivers have a partition of their own: none of them keeps a small one waiting, however slow its server.
An attempt that does not fit waits as a key, without content. When its turn comes, its object is reconciled and read
again. Namespaces take turns, and none takes the room of all. In a partition of receivers, none holds more than it leaves
free, however many there are: half if it is alone, a third if there are two. An attempt that is larger than its partition
has that to itself.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from zlib import crc32

from notification_runtime.fair.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from notification_domain.key import Key
    from notification_domain.model import Content

OVERHEAD: Final = 4_096
"""Bytes of an attempt without its content."""
RECEIVER_PARTS: Final = 4
"""Parts of the budget that all receivers share for contents that are not large."""
LARGE_PART: Final = "receivers, large"
"""The part of the budget for large contents of all receivers."""
PARTS_OF_RECEIVERS: Final = (*(f"receivers {number}" for number in range(RECEIVER_PARTS)), LARGE_PART)
LARGE_DIVISOR: Final = 32
"""A content is large from this fraction of a part: so an attempt of a smaller one takes at most a fourth, as a mail."""
NAMESPACE_DIVISOR: Final = 2
"""The part of a channel's budget that is the share of a namespace while others wait, unless a single attempt is larger: a half."""
NAMESPACE_ATTEMPTS: Final = 64
"""Attempts of a namespace in a partition of receivers, if a channel may not have more calls: 320 in all of them."""
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


@dataclass(slots=True)
class _Share:
    """What a namespace holds of a partition."""

    attempts: int = 0
    size: int = 0


class Partition:
    """A part of the budget: that of a channel, or one of those that receivers share.

    Args:
        limit: bytes.
        on_room: called with an object that waited when there is room for it.
        attempts: what a namespace of the receivers may have at the same time; None for a channel, of which a namespace takes
            more than its share while no other one waits.
    """

    def __init__(self, limit: int, on_room: Callable[[Key], None], *, attempts: int | None) -> None:
        self._limit = limit
        self._attempts = attempts
        self._on_room = on_room
        self.used = 0
        self._shares: defaultdict[str, _Share] = defaultdict(_Share)
        """What each namespace holds; one that holds nothing has no entry."""
        self._grants: dict[str, _Waiter] = {}
        """What is kept for an object until it is reconciled, by uid."""
        self._queue: FairQueue[_Waiter] = FairQueue()
        self._waiters: dict[str, _Waiter] = {}
        """The objects in the queue, by uid."""

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def take_grant(self, uid: str) -> int | None:
        granted = self._grants.pop(uid, None)
        return None if granted is None else granted.size

    def take(self, namespace: str, size: int) -> bool:
        """Take room at once: the objects of other namespaces that wait do not fit into it."""
        entitled = self._is_entitled(namespace, size) and not self._queue.line(namespace)
        if not entitled or not self._fits(size) or not self._may_overtake():
            return False
        self._hold(namespace, size)
        return True

    def _fits(self, size: int) -> bool:
        return not self.used or self.used + size <= self._limit

    def _is_entitled(self, namespace: str, size: int) -> bool:
        """Return whether a namespace may have one more attempt, as far as others are concerned."""
        share = self._shares.get(namespace)
        if share is None:
            return True
        held = share.size + size
        if self._attempts is None:
            alone = len(self._waiters) == len(self._queue.line(namespace))
            return alone or held <= self._limit // NAMESPACE_DIVISOR
        return share.attempts < self._attempts and held <= self._limit - self.used - size

    def _hold(self, namespace: str, size: int) -> None:
        share = self._shares[namespace]
        share.attempts += 1
        share.size += size
        self.used += size

    def _first(self) -> Iterator[_Waiter]:
        """Iterate over the first waiter of each namespace, in the order of turns, as far as its share allows it more."""
        for namespace, waiter in self._queue.heads():
            if self._is_entitled(namespace, waiter.size):
                yield waiter

    def _may_overtake(self) -> bool:
        first = tuple(self._first()) if self._waiters else ()
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

    def release(self, namespace: str, size: int) -> None:
        """Return the room of one attempt of a namespace, and keep room for those that wait and fit now."""
        share = self._shares[namespace]
        share.attempts -= 1
        share.size -= size
        if not share.attempts:
            del self._shares[namespace]
        self.used -= size
        self._grant()

    def forget(self, uid: str) -> None:
        waiter = self._waiters.pop(uid, None)
        if waiter is not None:
            self._queue.discard(waiter.key.namespace, waiter)
        granted = self._grants.pop(uid, None)
        if granted is not None:
            self.release(granted.key.namespace, granted.size)
        else:
            self._grant()

    def _grant(self) -> None:
        while (waiter := self._next()) is not None:
            self._grants[waiter.key.uid] = waiter
            self._hold(waiter.key.namespace, waiter.size)
            self._on_room(waiter.key)

    def _next(self) -> _Waiter | None:
        for waiter in self._first():
            if self._fits(waiter.size):
                del self._waiters[waiter.key.uid]
                return self._queue.pop(waiter.key.namespace)
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
        concurrency: calls that a channel may have at the same time.
    """

    def __init__(
        self,
        limit: int | None,
        *,
        channels: Iterable[str] = (),
        on_room: Callable[[Key], None],
        concurrency: int = NAMESPACE_ATTEMPTS,
    ) -> None:
        parts = len(tuple(channels)) + len(PARTS_OF_RECEIVERS)
        self._part = sys.maxsize if limit is None else limit // parts
        self._on_room = on_room
        self._attempts = max(NAMESPACE_ATTEMPTS, concurrency)
        """What a namespace may have at the same time in a part of the receivers."""
        self._partitions: dict[str, Partition] = {}

    @property
    def waiting(self) -> int:
        return sum(partition.waiting for partition in self._partitions.values())

    @property
    def used(self) -> int:
        """The bytes that are held or kept for the next reconciliation."""
        return sum(partition.used for partition in self._partitions.values())

    def part_of(self, target: str, size: int) -> str:
        """Return the part that the attempts of a target have for a content of so many bytes."""
        path = target.partition("#")[0]
        if "/" not in path:
            return path
        if size > self._part // LARGE_DIVISOR:
            return LARGE_PART
        return PARTS_OF_RECEIVERS[crc32(path.encode()) % RECEIVER_PARTS]

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
            attempts = self._attempts if part in PARTS_OF_RECEIVERS else None
            partition = self._partitions[part] = Partition(self._part, self._on_room, attempts=attempts)
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
            self._budget.partition(channel).release(self._key.namespace, size)
        self._grants = {}

    def hold(self, targets: Iterable[str], size: int, copies: int) -> frozenset[str]:
        """Keep room for each target, for a later `reserve` of this lease; return the targets that have none.

        Args:
            targets: of which attempts are due.
            size: the bytes of the content.
            copies: how many of it an attempt holds.
        """
        taken, parts = cost(size, copies), {target: self._budget.part_of(target, size) for target in targets}
        missing = frozenset(target for target, part in parts.items() if not self._hold(part, taken))
        for target in missing:
            self._budget.partition(parts[target]).wait(self._key, taken)
        return missing

    def _hold(self, part: str, taken: int) -> bool:
        if part not in self._grants:
            if not self._budget.partition(part).take(self._key.namespace, taken):
                return False
            self._grants[part] = taken
        return True

    def reserve(self, target: str, size: int, copies: int) -> Reservation | None:
        """Return room for an attempt; without room, wait for it and return None."""
        namespace, taken, part = self._key.namespace, cost(size, copies), self._budget.part_of(target, size)
        partition, granted = self._budget.partition(part), self._grants.pop(part, None)
        if granted is not None:
            return Reservation(partial(partition.release, namespace), granted)
        if partition.take(namespace, taken):
            return Reservation(partial(partition.release, namespace), taken)
        partition.wait(self._key, taken)
        return None
