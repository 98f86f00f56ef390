"""The times at which keys are reconciled again.

They are computed by the wall clock, and awaited by the monotonic one. Where a clock was behind and is corrected, a wait
that was computed before would otherwise last as much too long: a day, or years after a start without a clock battery.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.delivery.flow_control.breakers import CLOCK_STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from notification_operator.domain.key import Key

CLOCK_INTERVAL: Final = 5.0
"""Seconds between two looks at the wall clock."""

logger = structlog.get_logger(__name__)


class Timers:
    """Calls a function with each key at its time, once.

    Args:
        on_time: what is called.
        clock: the wall-clock time.
    """

    def __init__(self, on_time: Callable[[Key], None], *, clock: Callable[[], datetime]) -> None:
        self._on_time = on_time
        self._clock = clock
        self._handles: dict[Key, asyncio.TimerHandle] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._handles

    def __iter__(self) -> Iterator[Key]:
        return iter(self._handles)

    def __len__(self) -> int:
        return len(self._handles)

    def set(self, key: Key, seconds: float) -> None:
        """Set the time of a key, so many seconds from now; the earlier of two times counts."""
        due = asyncio.get_running_loop().time() + max(seconds, 0.0)
        handle = self._handles.get(key)
        if handle is None or due < handle.when():
            self._set_at(key, due)

    def cancel(self, key: Key) -> None:
        """Forget the time of a key, if it has one."""
        handle = self._handles.pop(key, None)
        if handle is not None:
            handle.cancel()

    async def follow_clock(self) -> None:
        """Bring the times forward as far as the wall clock is set forward; runs until cancelled.

        Times that do not depend on the wall clock come too early then, as all do after it is set back: that costs a
        reconciliation in which nothing is due.
        """
        ahead = self._clock_ahead()
        while True:
            await asyncio.sleep(CLOCK_INTERVAL)
            before, ahead = ahead, self._clock_ahead()
            step = ahead - before
            if step > CLOCK_STEP.total_seconds() and self._handles:
                logger.warning("clock set forward; bringing retries forward", seconds=round(step))
                for key, handle in tuple(self._handles.items()):
                    self._set_at(key, handle.when() - step)

    def _clock_ahead(self) -> float:
        """Return how far the wall clock is ahead of the monotonic one, in seconds; it changes with steps alone."""
        return self._clock().timestamp() - asyncio.get_running_loop().time()

    def _set_at(self, key: Key, due: float) -> None:
        self.cancel(key)
        self._handles[key] = asyncio.get_running_loop().call_at(due, self._call, key)

    def _call(self, key: Key) -> None:
        self._handles.pop(key, None)
        self._on_time(key)
