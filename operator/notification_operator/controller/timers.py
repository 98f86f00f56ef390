"""When keys are looked at again: once at their time, unless what they wait for has not changed (DD-WAIT-001)."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final

import structlog

from notification_domain.json_values import CLOCK_STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from notification_domain.key import Key
    from notification_operator.controller.still_waits import StillWaits

logger = structlog.get_logger(__name__)

CLOCK_INTERVAL: Final = 5.0
"""Seconds between two looks at the wall clock."""
FAR_SECONDS: Final = 600.0
"""Seconds: a key whose time is further ahead gives its place to one that can be worked on earlier."""


class Timers:
    """Calls a function with each key at its time, once, unless what the key waits for has not changed (DD-WAIT-001).

    Times are computed by the wall clock, and awaited by the monotonic one. Where a clock was behind and is corrected, a wait
    that was computed before would otherwise last as much too long: a day, or years after a start without a clock battery.

    Args:
        on_time: what is called.
        clock: the wall-clock time.
    """

    def __init__(self, on_time: Callable[[Key], None], *, clock: Callable[[], datetime]) -> None:
        self._on_time = on_time
        self._clock = clock
        self._handles: dict[Key, asyncio.TimerHandle] = {}
        self._still_waits: dict[Key, StillWaits] = {}
        """What is asked when the time of a key has come."""
        self.far: dict[Key, None] = {}
        """The keys whose time is far ahead and depends on nothing else; the youngest is last."""
        self.next_dropped = inf
        """The earliest time of a key that was dropped from these since the last listing, by the loop."""

    def __contains__(self, key: Key) -> bool:
        return key in self._handles

    def __iter__(self) -> Iterator[Key]:
        return iter(self._handles)

    def __len__(self) -> int:
        return len(self._handles)

    def set(self, key: Key, seconds: float, still_waits: StillWaits | None = None) -> None:
        """Set the time of a key, so many seconds from now; the earlier of two times counts.

        `still_waits` is asked at that time for how long the key waits; if it does no longer, the function is called.
        """
        if still_waits is not None:
            self._still_waits[key] = still_waits
        due = asyncio.get_running_loop().time() + max(seconds, 0.0)
        handle = self._handles.get(key)
        if handle is None or due < handle.when():
            self._set_at(key, due)

    def cancel(self, key: Key) -> None:
        """Forget the time of a key, if it has one."""
        self._still_waits.pop(key, None)
        self.far.pop(key, None)
        handle = self._handles.pop(key, None)
        if handle is not None:
            handle.cancel()

    def drop_far(self, key: Key) -> bool:
        """Forget the time of a key if it is far ahead, but not that a key has one; return whether it is."""
        far = key in self.far
        if far:
            self.next_dropped = min(self.next_dropped, self._handles[key].when())
            self.cancel(key)
        return far

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
                self.next_dropped -= step
                for key, handle in tuple(self._handles.items()):
                    self._set_at(key, handle.when() - step)
            self.far = {key: None for key in self.far if self._is_far(key, self._handles[key].when())}

    def _clock_ahead(self) -> float:
        """Return how far the wall clock is ahead of the monotonic one, in seconds; it changes with steps alone."""
        return self._clock().timestamp() - asyncio.get_running_loop().time()

    def _set_at(self, key: Key, due: float) -> None:
        earlier = self._handles.pop(key, None)
        if earlier is not None:
            earlier.cancel()
        self._handles[key] = asyncio.get_running_loop().call_at(due, self._call, key)
        if self._is_far(key, due):
            self.far[key] = None
        else:
            self.far.pop(key, None)

    def _is_far(self, key: Key, due: float) -> bool:
        return key not in self._still_waits and due > asyncio.get_running_loop().time() + FAR_SECONDS

    def _call(self, key: Key) -> None:
        del self._handles[key]
        self.far.pop(key, None)
        still_waits = self._still_waits.get(key)
        seconds = None if still_waits is None else still_waits.left(self._clock())
        if seconds is None:
            self._still_waits.pop(key, None)
            self._on_time(key)
        else:
            self.set(key, seconds)
