"""A semaphore that is fair between namespaces: a backlog in one namespace does not delay another (DD-FAIR-001)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from notification_operator.fair.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class FairSemaphore:
    """A bounded number of slots, granted to the waiting namespaces in round-robin order.

    Within a namespace, slots are granted first come, first served.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiting: FairQueue[Callable[[], bool]] = FairQueue()

    @property
    def free(self) -> int:
        """Slots that nobody holds."""
        return self._free

    @asynccontextmanager
    async def slot(self, namespace: str) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block."""
        await self.acquire(namespace)
        try:
            yield
        finally:
            self.release()

    async def acquire(self, namespace: str) -> None:
        """Wait for a slot; `release` returns it."""
        if self._take_free():
            return
        granted = asyncio.get_running_loop().create_future()

        def accept() -> bool:
            if wanted := not granted.done():
                granted.set_result(None)
            return wanted

        self.call_when_free(namespace, accept)
        try:
            await granted
        except asyncio.CancelledError:
            # The grant and the cancellation may happen in the same loop iteration.
            if not granted.cancelled():
                self.release()
            raise

    def call_when_free(self, namespace: str, accept: Callable[[], bool]) -> None:
        """Call `accept` with a slot, now or later; the slot passes on if it returns False.

        This costs no task per waiter. The accepted slot is returned by `release`. Each call has a function of its own.
        """
        self._waiting.add(namespace, accept)
        self._grant()

    def _take_free(self) -> bool:
        """Take a slot, unless others wait for one."""
        free = self._free > 0 and not self._waiting
        if free:
            self._free -= 1
        return free

    def resize(self, more: int) -> None:
        """Add slots, or take some away; slots that are held are taken when they are returned."""
        self._free += more
        self._grant()

    def release(self) -> None:
        """Return a slot and grant it to the next waiter."""
        self._free += 1
        self._grant()

    def _grant(self) -> None:
        while self._free > 0 and self._waiting:
            accept = self._waiting.pop()
            self._free -= 1
            if not accept():
                self._free += 1
