"""The notifications that wait for receivers: they are reconciled as soon as their receiver changes.

This only saves time, since each of them has a time at which it is reconciled anyway. So the number is bounded,
and the longest waiting are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

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
        self._waiting: OrderedDict[tuple[ReceiverKey, str], KeyT] = OrderedDict()

    def add(self, receiver: ReceiverKey, key: KeyT) -> None:
        """Remember that a notification waits for a receiver."""
        self._waiting[receiver, key.uid] = key
        self._waiting.move_to_end((receiver, key.uid))
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)

    def discard(self, receiver: ReceiverKey, key: KeyT) -> None:
        """Forget that a notification waited for a receiver: what waits no longer is not worth a reconciliation."""
        self._waiting.pop((receiver, key.uid), None)

    def take(self, receivers: frozenset[ReceiverKey]) -> tuple[KeyT, ...]:
        """Forget and return the notifications that wait for one of these receivers."""
        keys = [each for each in self._waiting if each[0] in receivers]
        return tuple(self._waiting.pop(each) for each in keys)
