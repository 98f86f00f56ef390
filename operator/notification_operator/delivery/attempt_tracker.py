"""Tries that the status does not show yet: those under way, and those over but not yet written.

It closes two gaps. A slow try does not hold a worker: its pass ends, and the try's end asks for
the next one. A write that fails loses nothing: what was tried stays here until a write holds it.
Memory is enough, since a try that no write holds at a crash is made again under the same id.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from notification_operator.domain.model import Attempt
    from notification_operator.domain.routing.route import Route


@dataclass(slots=True)
class _Entry:
    under_way: dict[str, asyncio.Task[Attempt]] = field(default_factory=dict)
    over: list[Attempt] = field(default_factory=list)
    route: Route | None = None
    on_end: Callable[[], None] | None = None


class Ledger:
    """Tries by the uid of their object."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._tasks: set[asyncio.Task[Attempt]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def is_empty(self) -> bool:
        """Whether no try is under way or waits to be written."""
        return not self._entries

    @property
    def in_flight(self) -> int:
        """How many tries are under way."""
        return len(self._tasks)

    @property
    def uids(self) -> tuple[str, ...]:
        """The objects that anything is kept for."""
        return tuple(self._entries)

    @property
    def unsaved(self) -> int:
        """How many tries are over and not yet written."""
        return sum(len(entry.over) for entry in self._entries.values())

    def start(self, uid: str, channel: str, route: Route, work: Coroutine[None, None, Attempt]) -> None:
        """Begin a try on a channel of the route that has none under way."""
        task = asyncio.create_task(work, name=f"try {uid}:{channel}")
        self._tasks.add(task)
        entry = self._entries.setdefault(uid, _Entry())
        entry.route, entry.under_way[channel] = route, task
        self._empty.clear()

        def ended(task: asyncio.Task[Attempt]) -> None:
            self._tasks.discard(task)
            self._note(uid, channel, task)

        task.add_done_callback(ended)

    def channels_in_flight(self, uid: str) -> frozenset[str]:
        """Return the channels of an object that have a try under way."""
        entry = self._entries.get(uid)
        return frozenset(entry.under_way) if entry else frozenset()

    def route(self, uid: str) -> Route | None:
        """Return the route that tries of an object began on, as long as any of them is kept."""
        entry = self._entries.get(uid)
        return entry.route if entry else None

    def over(self, uid: str) -> tuple[Attempt, ...]:
        """Return the tries of an object that are over and not yet known to be written."""
        entry = self._entries.get(uid)
        return tuple(entry.over) if entry else ()

    async def wait(self, uid: str, seconds: float) -> None:
        """Return when no try of the object is under way, or after so many seconds."""
        entry = self._entries.get(uid)
        if entry and entry.under_way:
            await asyncio.wait(entry.under_way.values(), timeout=seconds)

    def listen(self, uid: str, on_end: Callable[[], None] | None) -> None:
        """Call `on_end` at each end of a try from now on, and at once if one has ended meanwhile."""
        entry = self._entries.get(uid)
        if entry is not None:
            entry.on_end = on_end
            if on_end is not None and entry.over:
                on_end()

    def settle(self, uid: str, written: Iterable[Attempt]) -> None:
        """Forget tries that a write, this one or an earlier, is known to hold."""
        entry = self._entries.get(uid)
        if entry is not None:
            keys = {attempt.key for attempt in written}
            entry.over = [attempt for attempt in entry.over if attempt.key not in keys]
            self._drop_if_empty(uid, entry)

    def forget(self, uid: str) -> None:
        """Forget an object that is gone; its tries under way end unheard."""
        self._drop(uid)

    def holds(self, uid: str) -> bool:
        """Return whether anything is kept for an object."""
        return uid in self._entries

    async def drained(self) -> None:
        """Return when nothing is kept for any object."""
        await self._empty.wait()

    def cancel(self) -> None:
        """Break off every try under way; none of them leaves a result."""
        for task in self._tasks:
            task.cancel()

    def _note(self, uid: str, channel: str, task: asyncio.Task[Attempt]) -> None:
        entry = self._entries.get(uid)
        if entry is None or entry.under_way.get(channel) is not task:
            return
        del entry.under_way[channel]
        if not task.cancelled():
            entry.over.append(task.result())
            if entry.on_end is not None:
                entry.on_end()
        self._drop_if_empty(uid, entry)

    def _drop_if_empty(self, uid: str, entry: _Entry) -> None:
        if not entry.under_way and not entry.over:
            self._drop(uid)

    def _drop(self, uid: str) -> None:
        self._entries.pop(uid, None)
        if not self._entries:
            self._empty.set()
