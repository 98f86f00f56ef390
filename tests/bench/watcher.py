"""Watches the operator's process during a load: its metrics page, the gaps of its event loop, and the memory of its pod."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from tests.bench.machine import pod_peaks
from tests.bench.results import Observed, Sample
from tests.harness.operator_deployment import METRICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.bench.generator import Batch
    from tests.harness.operator_process import OperatorProcess

MEMORY_EVERY, PAGE_EVERY = 0.25, 10.0
"""Seconds between two readings."""
MEGABYTE: Final = 1024 * 1024
PREFIX: Final = "kubernaut_notification_"


class Watcher:
    """Reads the figures of an operator while a batch is delivered."""

    def __init__(self, operator: OperatorProcess, batch: Batch) -> None:
        self._operator = operator
        self._batch = batch
        self.operator_mb = 0.0
        """Of the operator's process alone."""
        self._pod_mb = 0.0
        self._pages: list[tuple[float, float, float]] = []
        """Time, megabytes and seconds of each page."""
        self._samples: list[Sample] = []
        self._unrendered = 0.0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Read during the block, and once more at its end."""
        tasks = [asyncio.create_task(each) for each in (self._read_memory(), self._read_pages())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._read_page()

    def observed(self, crowd: int) -> Observed:
        """Return the figures, with the number of objects that others have created."""
        start, batch = min(self._batch.created.values()), self._batch
        samples, before = [], 0.0
        for (at, _, _), sample in zip(self._pages, self._samples, strict=True):
            latencies = [
                batch.final[name] - created
                for name, created in batch.created.items()
                if before <= created - start < at - start and name in batch.final
            ]
            latency = round(max(latencies, default=0.0), 3)
            samples.append(sample.model_copy(update={"at": round(at - start, 1), "latency": latency}))
            before = at - start
        return Observed(
            gap=max(each.gap for each in samples),
            pod_mb=round(self._pod_mb, 1),
            page_mb=round(max(size for _, size, _ in self._pages), 3),
            page_seconds=round(max(seconds for _, _, seconds in self._pages), 3),
            crowd=crowd,
            unrendered=self._unrendered,
            samples=tuple(samples),
        )

    async def _read_memory(self) -> None:
        while True:
            peaks = await asyncio.to_thread(pod_peaks, self._operator.pid)
            self.operator_mb = max(self.operator_mb, peaks[0])
            self._pod_mb = max(self._pod_mb, sum(peaks))
            await asyncio.sleep(MEMORY_EVERY)

    async def _read_pages(self) -> None:
        while True:
            await asyncio.sleep(PAGE_EVERY)
            await self._read_page()

    async def _read_page(self) -> None:
        start = time.perf_counter()
        page = await asyncio.to_thread(self._operator.page, METRICS, "metrics")
        end = time.perf_counter()
        self._pages.append((end, len(page.encode()) / MEGABYTE, end - start))
        gap = round(total(page, "event_loop_gap_seconds"), 3)
        self._unrendered = total(page, "rendering_failures_total")
        self._samples.append(Sample(at=0, latency=0, gap=gap, pod_mb=round(self._pod_mb, 1)))


def total(page: str, name: str) -> float:
    """Return the sum of the samples of a metric."""
    values = re.findall(rf"^{PREFIX}{name}(?:\{{.*\}})? (\S+)$", page, re.MULTILINE)
    return sum(map(float, values))
