"""The buffer of pending audit events: bounded in number and in bytes, first in first out."""

from __future__ import annotations

from collections import deque

MAX_BYTES = 32 * 1024 * 1024
"""Memory that pending events may take while the store is down."""


class Buffer:
    """A queue of events, each the bytes of its JSON. An event leaves it only by `remove`."""

    def __init__(self, capacity: int, *, max_bytes: int = MAX_BYTES) -> None:
        self.capacity = capacity
        self._max_bytes = max_bytes
        self._events: deque[bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: bytes) -> bool:
        """Add an event; return whether there was room for it."""
        if len(self._events) >= self.capacity or self._bytes + len(event) > self._max_bytes:
            return False
        self._events.append(event)
        self._bytes += len(event)
        return True

    def first(self, count: int, *, max_bytes: int) -> list[bytes]:
        """Return the oldest events within both bounds; an event above the second bound is returned alone."""
        batch: list[bytes] = []
        size = 0
        for event in self._events:
            size += len(event)
            if len(batch) >= count or (batch and size > max_bytes):
                break
            batch.append(event)
        return batch

    def remove(self, count: int) -> None:
        """Remove the oldest events."""
        for _ in range(count):
            self._bytes -= len(self._events.popleft())
