"""Events that wait to be posted: in order within a namespace, with a bound for each namespace and one for all."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notification_operator.kube.events.event import Event


class EventBuffer:
    """Namespaces take turns, and each has at most one Event in flight: a slow or busy one delays no other.

    Args:
        total: Events that may wait.
        per_namespace: Events of one namespace that may wait.
    """

    def __init__(self, *, total: int, per_namespace: int) -> None:
        self._total = total
        self._per_namespace = per_namespace
        self._waiting: OrderedDict[str, deque[Event]] = OrderedDict()
        """By namespace, the one whose turn is next first; no queue is empty."""
        self._in_flight: set[str] = set()
        self._count = 0
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def pending(self) -> int:
        """Events that wait or are in flight."""
        return self._count + len(self._in_flight)

    def put(self, event: Event) -> bool:
        """Add an Event; return whether one had to be dropped: this one, or the newest of the longest queue."""
        namespace = event.regarding.namespace
        length = len(self._waiting.get(namespace, ()))
        if length >= self._per_namespace:
            return True
        full = self._count >= self._total
        if full:
            longest = max(self._waiting, key=lambda name: len(self._waiting[name]))
            if len(self._waiting[longest]) <= length + 1:
                return True
            self._waiting[longest].pop()
            self._count -= 1
        self._waiting.setdefault(namespace, deque()).append(event)
        self._count += 1
        self._idle.clear()
        self._news.set()
        return full

    async def take(self) -> Event:
        """Wait for the next Event; it is in flight until `done`."""
        while (event := self._next()) is None:
            self._news.clear()
            await self._news.wait()
        return event

    def done(self, event: Event) -> None:
        """End the flight of an Event that was taken."""
        self._in_flight.discard(event.regarding.namespace)
        self._news.set()
        if not self.pending:
            self._idle.set()

    async def idle(self) -> None:
        """Return when no Event waits or is in flight."""
        await self._idle.wait()

    def clear(self) -> int:
        """Drop every Event; return how many they were."""
        pending = self.pending
        self._waiting.clear()
        self._in_flight.clear()
        self._count = 0
        self._idle.set()
        return pending

    def _next(self) -> Event | None:
        namespace = next((name for name in self._waiting if name not in self._in_flight), None)
        if namespace is None:
            return None
        queue = self._waiting[namespace]
        event = queue.popleft()
        self._count -= 1
        self._in_flight.add(namespace)
        if queue:
            self._waiting.move_to_end(namespace)
        else:
            del self._waiting[namespace]
        return event
