"""The calls that run at the same time, in turns by namespace (DD-FAIR-001)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_operator.fair.fair_queue import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OVERTIME_SECONDS: Final = 1.5
"""A call that takes longer gives its slot to the next one, so that calls that hang delay no other until they time out."""


@dataclass(slots=True)
class _Call:
    in_overtime: bool = False


class CallSlots:
    """The calls that run at the same time, shared fairly by namespaces; there is as much overtime as there are slots.

    So there are never more than twice as many calls as slots.
    """

    def __init__(self, slots: int) -> None:
        self._semaphore = FairSemaphore(slots)
        self._slots = self._overtime = slots
        self._limit = slots
        self._users = 0

    @property
    def idle(self) -> bool:
        return self._users == 0

    def limit(self, allowance: int | None) -> None:
        """Set how many slots there are: all, or fewer while a destination recovers."""
        limit = self._slots if allowance is None else min(allowance, self._slots)
        more, self._limit = limit - self._limit, limit
        if more:
            self._semaphore.resize(more)

    @asynccontextmanager
    async def slot(self, namespace: str, rank: int) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block, or until it takes too long."""
        self._users += 1
        try:
            await self._semaphore.acquire(namespace, rank)
            call = _Call()
            timer = asyncio.get_running_loop().call_later(OVERTIME_SECONDS, self._lend, call)
            try:
                yield
            finally:
                timer.cancel()
                self._end(call)
        finally:
            self._users -= 1

    def _lend(self, call: _Call) -> None:
        if self._overtime:
            self._overtime -= 1
            call.in_overtime = True
            self._semaphore.release()

    def _end(self, call: _Call) -> None:
        if call.in_overtime:
            self._overtime += 1
        else:
            self._semaphore.release()
