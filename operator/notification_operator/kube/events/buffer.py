"""Events that wait to be posted: in order within a namespace, with a bound for each namespace and one for all."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from notification_operator.fair.fair_queue import FairQueue

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
        self._waiting: FairQueue[tuple[int, Event]] = FairQueue()
        """The number tells equal Events apart."""
        self._numbers = count()
        self._in_flight: set[str] = set()
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def pending(self) -> int:
        """Events that wait or are in flight."""
        return len(self._waiting) + len(self._in_flight)

    def put(self, event: Event) -> bool:
        """Add an Event; return whether one had to be dropped: this one, or the newest of the longest queue."""
        namespace = event.regarding.namespace
        if len(self._waiting.line(namespace)) >= self._per_namespace:
            return True
        full = len(self._waiting) >= self._total
        if full:
            newest = next(self._waiting.displaceable(namespace), None)
            if newest is None:
                return True
            self._waiting.discard(newest[1].regarding.namespace, newest)
        self._waiting.add(namespace, (next(self._numbers), event))
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
        self._waiting = FairQueue()
        self._in_flight.clear()
        self._idle.set()
        return pending

    def _next(self) -> Event | None:
        free = (name for name, _ in self._waiting.heads() if name not in self._in_flight)
        namespace = next(free, None)
        if namespace is None:
            return None
        self._in_flight.add(namespace)
        _, event = self._waiting.pop(namespace)
        return event
