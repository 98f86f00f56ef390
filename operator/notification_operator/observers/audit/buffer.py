"""Events that wait for the audit store: bounded in number and in bytes, in the order in which they came."""

from __future__ import annotations

from collections import deque

MOST_BYTES = 32 * 1024 * 1024
"""What waiting events may take: a store that is down must not cost the operator its memory."""


class Buffer:
    """A queue of events, each one as the bytes of its JSON."""

    def __init__(self, capacity: int, *, most_bytes: int = MOST_BYTES) -> None:
        self.capacity = capacity
        self._most_bytes = most_bytes
        self._events: deque[bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many events wait."""
        return len(self._events)

    def put(self, event: bytes) -> bool:
        """Take an event in; return whether there was room for it."""
        if len(self._events) >= self.capacity or self._bytes + len(event) > self._most_bytes:
            return False
        self._events.append(event)
        self._bytes += len(event)
        return True

    def take(self, most: int, *, most_bytes: int) -> list[bytes]:
        """Take out the oldest events, within both bounds; one that alone is over the second goes alone."""
        taken: list[bytes] = []
        size = 0
        while self._events and len(taken) < most:
            size += len(self._events[0])
            if taken and size > most_bytes:
                break
            event = self._events.popleft()
            self._bytes -= len(event)
            taken.append(event)
        return taken
