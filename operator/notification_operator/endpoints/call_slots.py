"""The calls that run at the same time, in turns by namespace (DD-FAIR-001)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from notification_runtime.fair.fair_queue import FairSemaphore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

OVERTIME_SECONDS: Final = 1.5
"""A call that takes longer gives its slot to the next one, so that calls that hang delay no other until they time out."""
ACTIVE_CALLS: Final = 32
"""Calls of a namespace that use the processor at the same time: what the event loop does for them delays other namespaces."""
ACTIVE_SECONDS: Final = 0.25
"""A call that takes longer waits for its receiver, and leaves the processor to the next one."""


@dataclass(slots=True)
class _Call:
    in_overtime: bool = False


class CallSlots:
    """The calls that run at the same time, shared fairly by namespaces.

    Args:
        slots: how many there are.
        seconds: after which a call gives its slot to the next one; None for `OVERTIME_SECONDS`.
        overtime: how many calls may have done so; None for as many as there are slots.
    """

    def __init__(self, slots: int, *, seconds: float | None = None, overtime: float | None = None) -> None:
        self._semaphore = FairSemaphore(slots)
        self._seconds = seconds
        self._overtime: float = slots if overtime is None else overtime
        self._slots = self._limit = slots
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
            seconds = OVERTIME_SECONDS if self._seconds is None else self._seconds
            timer = asyncio.get_running_loop().call_later(seconds, self._lend, call)
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


class ActiveCalls:
    """The calls that use the processor, a bounded number of each namespace (DD-ANSWER-001)."""

    def __init__(self) -> None:
        self._of: WeakValueDictionary[str, CallSlots] = WeakValueDictionary()

    def slot(self, namespace: str, rank: int) -> AbstractAsyncContextManager[None]:
        """Hold a slot of a namespace for the duration of the block, or until the call waits for its receiver."""
        slots = self._of.get(namespace)
        if slots is None:
            slots = self._of[namespace] = CallSlots(ACTIVE_CALLS, seconds=ACTIVE_SECONDS, overtime=inf)
        # The block keeps the slots, which end with the last call.
        return slots.slot(namespace, rank)
