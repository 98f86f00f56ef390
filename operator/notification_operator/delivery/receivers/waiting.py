"""The notifications that wait for receivers: they are reconciled as soon as their receiver changes.

This only saves time, since each of them has a time at which it is reconciled anyway. So the number is bounded,
and the longest waiting are forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from notification_operator.fair.lru import LruMap

if TYPE_CHECKING:
    from notification_operator.domain.receivers.catalog import ReceiverKey

MOST: Final = 20_000


class HasUid(Protocol):
    """A reference to one incarnation of an object."""

    @property
    def uid(self) -> str:
        """The object's uid."""
        ...


KeyT = TypeVar("KeyT", bound=HasUid)


class WaitingForReceivers(Generic[KeyT]):
    """Remembers which notifications wait for which receiver."""

    def __init__(self) -> None:
        self._waiting: LruMap[tuple[ReceiverKey, str], KeyT] = LruMap(MOST)

    def add(self, receiver: ReceiverKey, key: KeyT) -> None:
        """Remember that a notification waits for a receiver."""
        self._waiting.put((receiver, key.uid), key)

    def discard(self, receiver: ReceiverKey, key: KeyT) -> None:
        """Forget that a notification waited for a receiver: what waits no longer is not worth a reconciliation."""
        self._waiting.pop((receiver, key.uid))

    def take(self, receivers: frozenset[ReceiverKey]) -> tuple[KeyT, ...]:
        """Forget and return the notifications that wait for one of these receivers."""
        taken = [(each, key) for each, key in self._waiting.items() if each[0] in receivers]
        for each, _ in taken:
            self._waiting.pop(each)
        return tuple(key for _, key in taken)
