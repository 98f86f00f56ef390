"""Items that wait in turns by namespace, so that a backlog in one namespace delays no other (DD-FAIR-001). Pure."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator


Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Namespaces take turns; within a namespace, the oldest item is first. An item waits once.

    A namespace that begins to wait comes after those that wait already. One that has had its turn comes last again.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[Item, None]] = OrderedDict()
        """The items by namespace; the next namespace is first, and no line is empty."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the items by namespace, which is not the order of the turns."""
        for line in self._lines.values():
            yield from line

    def line(self, namespace: str) -> Collection[Item]:
        """Return the items of a namespace, the oldest first."""
        return self._lines.get(namespace, {}).keys()

    def add(self, namespace: str, item: Item) -> None:
        """Let an item wait at the end of its namespace; one that waits already keeps its place."""
        line = self._lines.setdefault(namespace, OrderedDict())
        if item not in line:
            line[item] = None
            self._count += 1

    def discard(self, namespace: str, item: Item) -> None:
        """Let an item wait no longer; its namespace keeps its turn."""
        line = self._lines.get(namespace)
        if line is not None and item in line:
            del line[item]
            self._count -= 1
            if not line:
                del self._lines[namespace]

    def heads(self) -> Iterator[tuple[str, Item]]:
        """Iterate over the namespaces in the order of their turns, each with its first item."""
        for namespace, line in self._lines.items():
            yield namespace, next(iter(line))

    def pop(self, namespace: str | None = None) -> Item:
        """Remove and return the first item of a namespace, which has had its turn; by default of the next one.

        Raises:
            KeyError: nothing waits, or nothing of this namespace.
        """
        name = next(iter(self._lines), "") if namespace is None else namespace
        line = self._lines[name]
        item, _ = line.popitem(last=False)
        self._count -= 1
        if line:
            self._lines.move_to_end(name)
        else:
            del self._lines[name]
        return item

    def displaceable(self, namespace: str) -> Iterator[Item]:
        """Iterate over what can give way to another item of a namespace, if the queue is full; the youngest first.

        Only the longest line gives way, and only to a line that stays shorter with its new item.
        """
        longest = max(self._lines.values(), key=len, default=None)
        if longest is not None and len(longest) > len(self.line(namespace)) + 1:
            yield from reversed(longest)


class FairSemaphore:
    """A bounded number of slots, granted to the waiting namespaces in round-robin order.

    Within a namespace, the lowest rank is first; within a rank, slots are granted first come, first served.

    Args:
        slots: how many there are.
        of_namespace: how many of them a namespace may hold, None for all; with a bound, `release` needs the namespace.
    """

    def __init__(self, slots: int, *, of_namespace: int | None = None) -> None:
        self._free = slots
        self._of_namespace = of_namespace
        self._held: Counter[str] = Counter()
        """The slots of each namespace, if it may not hold all."""
        self._turns: FairQueue[int] = FairQueue()
        """A turn of its namespace for each waiter, by the number of the waiter."""
        self._waiters: dict[str, list[tuple[int, int, Callable[[], bool]]]] = {}
        """The waiters of each namespace as a heap, by rank and number."""
        self._number = 0

    @property
    def free(self) -> int:
        """Slots that nobody holds."""
        return self._free

    @asynccontextmanager
    async def slot(self, namespace: str, rank: int = 0) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block."""
        await self.acquire(namespace, rank)
        try:
            yield
        finally:
            self.release(namespace)

    async def acquire(self, namespace: str, rank: int = 0) -> None:
        """Wait for a slot; `release` returns it."""
        if self._take_free(namespace):
            return
        granted = asyncio.get_running_loop().create_future()

        def accept() -> bool:
            if wanted := not granted.done():
                granted.set_result(None)
            return wanted

        self.call_when_free(namespace, accept, rank)
        try:
            await granted
        except asyncio.CancelledError:
            # The grant and the cancellation may happen in the same loop iteration.
            if not granted.cancelled():
                self.release(namespace)
            raise

    def call_when_free(self, namespace: str, accept: Callable[[], bool], rank: int = 0) -> None:
        """Call `accept` with a slot, now or later; the slot passes on if it returns False.

        This costs no task per waiter. The accepted slot is returned by `release`.
        """
        self._number += 1
        heapq.heappush(self._waiters.setdefault(namespace, []), (rank, self._number, accept))
        self._turns.add(namespace, self._number)
        self._grant()

    def _take_free(self, namespace: str) -> bool:
        """Take a slot, unless others wait for one."""
        free = self._free > 0 and not self._turns and self._may_hold(namespace)
        if free:
            self._take(namespace)
        return free

    def _may_hold(self, namespace: str) -> bool:
        """Return whether a namespace may hold one slot more."""
        return self._of_namespace is None or self._held[namespace] < self._of_namespace

    def _take(self, namespace: str) -> None:
        self._free -= 1
        if self._of_namespace is not None:
            self._held[namespace] += 1

    def _return(self, namespace: str) -> None:
        self._free += 1
        if self._of_namespace is not None:
            self._held[namespace] -= 1
            if not self._held[namespace]:
                del self._held[namespace]

    def resize(self, more: int) -> None:
        """Add slots, or take some away; slots that are held are taken when they are returned."""
        self._free += more
        self._grant()

    def release(self, namespace: str = "") -> None:
        """Return a slot and grant it to the next waiter."""
        self._return(namespace)
        self._grant()

    def _grant(self) -> None:
        while self._free > 0 and (namespace := self._next()) is not None:
            self._turns.pop(namespace)
            line = self._waiters[namespace]
            _, _, accept = heapq.heappop(line)
            if not line:
                del self._waiters[namespace]
            self._take(namespace)
            if not accept():
                self._return(namespace)

    def _next(self) -> str | None:
        """Return the next namespace that may hold a slot."""
        return next((namespace for namespace, _ in self._turns.heads() if self._may_hold(namespace)), None)


class SharedRoom:
    """A bounded number of places that are taken without waiting; a namespace holds at most as many as it leaves free."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._held: Counter[str] = Counter()

    def take(self, namespace: str) -> bool:
        """Take a place; return whether the namespace may have it. `release` returns it."""
        is_free = self._held[namespace] < self._free
        if is_free:
            self._held[namespace] += 1
            self._free -= 1
        return is_free

    def release(self, namespace: str) -> None:
        """Return a place."""
        self._free += 1
        self._held[namespace] -= 1
        if not self._held[namespace]:
            del self._held[namespace]
