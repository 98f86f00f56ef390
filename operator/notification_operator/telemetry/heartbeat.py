"""The heartbeat of the event loop: how long anything kept it from other work."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from notification_operator.telemetry.statistics import LoopStatistics

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL: Final = 0.1
"""Seconds between two beats; a gap that is shorter stays unseen."""
WINDOW: Final = 60.0
"""Seconds for which a gap is reported: no scrape misses it."""


class Heartbeat:
    """Measures how much later than planned the event loop runs a task.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: float | None = None
        self._gaps: deque[tuple[float, float]] = deque()
        """Time and seconds of the latest gaps, each longer than all after it."""

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = self._clock() + INTERVAL
            await asyncio.sleep(INTERVAL)
            self._note(self._clock())

    def statistics(self) -> LoopStatistics:
        """Return the largest gap of the last minute, with one that just ended."""
        now = self._clock()
        self._note(now)
        return LoopStatistics(gap_seconds=self._gaps[0][1] if self._gaps else 0.0)

    def _note(self, now: float) -> None:
        while self._gaps and self._gaps[0][0] < now - WINDOW:
            self._gaps.popleft()
        late = 0.0 if self._due is None else now - self._due
        if late <= 0:
            return
        while self._gaps and self._gaps[-1][1] <= late:
            self._gaps.pop()
        self._gaps.append((now, late))
