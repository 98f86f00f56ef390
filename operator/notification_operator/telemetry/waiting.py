"""The messages that are not delivered yet, by receiver: why, and since when."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

DELIVERING = "Delivering"
"""The reason of a message whose attempt runs, or waits for its turn at a slow receiver."""


class Wait(NamedTuple):
    """A message that waits, or is on its way."""

    receiver: str
    """Namespace and name, or the channel of the settings."""
    reason: str
    """That of its target."""
    since: float
    """Unix time from which it may be delivered."""


class WaitingMessages:
    """The waits of the notifications that this process works on, each as of its latest reconciliation."""

    def __init__(self) -> None:
        self._waits: dict[str, tuple[Wait, ...]] = {}
        """By the uid of the notification."""
        self._counts: Counter[str] = Counter()
        """By receiver; none is 0."""
        self._on_change: Callable[[str], None] = lambda _receiver: None

    def __iter__(self) -> Iterator[Wait]:
        for waits in self._waits.values():
            yield from waits

    def count(self, receiver: str) -> int:
        """Return the number of messages that wait for a receiver."""
        return self._counts[receiver]

    def observe(self, on_change: Callable[[str], None]) -> None:
        """Call a function with each receiver whose number of waiting messages has changed, from now on."""
        self._on_change = on_change

    def put(self, uid: str, waits: Sequence[Wait]) -> None:
        """Replace the waits of a notification."""
        before = Counter(wait.receiver for wait in self._waits.pop(uid, ()))
        after = Counter(wait.receiver for wait in waits)
        if waits:
            self._waits[uid] = tuple(waits)
        for receiver in before.keys() | after.keys():
            if more := after[receiver] - before[receiver]:
                self._counts[receiver] += more
                if not self._counts[receiver]:
                    del self._counts[receiver]
                self._on_change(receiver)

    def forget(self, uid: str) -> None:
        """Forget a notification that is final, was deleted, or belongs to another process."""
        self.put(uid, ())

    def keep(self, owned: Container[str]) -> None:
        """Forget the notifications that this process does not work on any more; the others are given by uid."""
        for uid in [uid for uid in self._waits if uid not in owned]:
            self.forget(uid)
