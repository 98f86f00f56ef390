"""The backlog: the keys that the work queue holds, a bounded number, shared between namespaces.

A key beyond the bound is dropped and not lost: the notification stays in the cluster, and the open notifications are
listed again once the backlog has shrunk (DD-BOUNDS-001).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from notification_operator.fair.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from notification_operator.domain.key import Key

REFILL_DIVISOR: Final = 2
"""The backlog is listed again once at most this part of the limit, a half, can be worked on."""


class Backlog:
    """Holds keys in the order in which they came; of those that may be dropped, the youngest are.

    Args:
        limit: keys that are held; None for no limit.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._keys: FairQueue[Key] = FairQueue()
        self._waits_for_room = False
        """Whether a key was dropped that this process works on."""
        self._waits_for_ownership = False
        """Whether a key was dropped that this process does not work on, as on a standby."""
        self.listing_due = asyncio.Event()
        """Set while the open notifications have to be listed again."""

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: Key) -> bool:
        return key in self._keys.line(key.namespace)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    @property
    def incomplete(self) -> bool:
        """Whether keys were dropped and not listed again since."""
        return self._waits_for_room or self._waits_for_ownership

    def add(self, key: Key) -> None:
        self._keys.add(key.namespace, key)

    def discard(self, key: Key, *, parked: int) -> None:
        """Hold a key no longer; `parked` is the number of keys that this process may not work on."""
        self._keys.discard(key.namespace, key)
        self.check(parked=parked)

    def victim(self, key: Key, *, may_drop: Callable[[Key], bool]) -> Key | None:
        """Return the key to drop in order to hold another one; that one itself if no other may give way.

        The largest namespace gives way to a smaller one, so that a backlog in one namespace excludes no other.
        """
        if self._limit is None or len(self) < self._limit or key in self:
            return None
        return next(filter(may_drop, self._keys.displaceable(key.namespace)), key)

    def drop(self, *, owned: bool, parked: int) -> None:
        """Record that a key was dropped, and whether this process may work on it."""
        if owned:
            self._waits_for_room = True
        else:
            self._waits_for_ownership = True
        self.check(parked=parked)

    def owns_more(self) -> None:
        """Record that this process may work on other keys than before: what it dropped may belong to it now.

        The listing is due at once, because the keys that are held may all be of one namespace.
        """
        if self._waits_for_ownership:
            self.repeat_listing()

    def check(self, *, parked: int) -> None:
        """Request a listing if keys wait for room and there is room."""
        if (
            self._limit is not None
            and self._waits_for_room
            and len(self) - parked <= self._limit // REFILL_DIVISOR
        ):
            self.listing_due.set()

    def repeat_listing(self) -> None:
        """Request a listing whether there is room or not."""
        self._waits_for_room = True
        self.listing_due.set()

    def begin_listing(self) -> None:
        """Record that every open notification is about to be listed."""
        self._waits_for_room = self._waits_for_ownership = False
        self.listing_due.clear()
