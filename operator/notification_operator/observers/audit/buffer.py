"""The buffer of pending audit events: bounded in number and in bytes, first in first out."""

from __future__ import annotations

from collections import deque

MAX_BYTES = 32 * 1024 * 1024
"""Memory that pending events may take while the store is down."""


class Buffer:
    """A queue of events, each the bytes of its JSON."""

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

    def take(self, count: int, *, max_bytes: int) -> list[bytes]:
        """Remove the oldest events within both bounds; an event above the second bound is returned alone."""
        batch: list[bytes] = []
        size = 0
        while self._events and len(batch) < count:
            size += len(self._events[0])
            if batch and size > max_bytes:
                break
            event = self._events.popleft()
            self._bytes -= len(event)
            batch.append(event)
        return batch
