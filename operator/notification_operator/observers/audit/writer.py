"""Writes buffered audit events to the store, in batches, in a task of its own; adding an event never waits.

A batch is sent when it is full or when its oldest event has waited long enough. After three failed attempts
it is dropped and counted (DD-AUDIT-001).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from notification_operator.observers.audit.store import StoreError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_operator.observers.audit.buffer import Buffer
    from notification_operator.observers.audit.metrics import AuditMetrics
    from notification_operator.observers.audit.store import AuditStore

RETRY_DELAYS = (1.0, 4.0)
"""Seconds before the second and the third attempt of a batch."""
BATCH_BYTES = 1_000_000
"""Size limit of a batch: many servers accept no request body above 1 MiB."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStatistics:
    """Counts of events since the start; `pending` are buffered or being sent."""

    pending: int
    written: int
    dropped: int
    failed_batches: int


class AuditWriter:
    """Starts with `start`; `flush` and `close` end it gracefully."""

    def __init__(  # noqa: PLR0913 - three collaborators and three tunings
        self,
        store: AuditStore,
        buffer: Buffer,
        metrics: AuditMetrics,
        *,
        batch_size: int,
        flush_seconds: float,
        retry_delays: Sequence[float] = RETRY_DELAYS,
    ) -> None:
        self._store = store
        self._buffer = buffer
        self._metrics = metrics
        self._batch_size = batch_size
        self._flush_seconds = flush_seconds
        self._retry_delays = retry_delays
        self._in_flight: list[bytes] = []
        """The batch that is being sent."""
        self._written = self._dropped = self._failed_batches = 0
        self._not_empty, self._send_now = asyncio.Event(), asyncio.Event()
        self._flushing = self._closing = False
        self._overflowed = False
        """Whether the last event was dropped: consecutive drops are logged once."""
        self._task: asyncio.Task[None] | None = None

    def statistics(self) -> AuditStatistics:
        """Return the counts."""
        return AuditStatistics(
            pending=len(self._in_flight) + len(self._buffer),
            written=self._written,
            dropped=self._dropped,
            failed_batches=self._failed_batches,
        )

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="audit")

    def add(self, event: bytes) -> None:
        """Add an event, or drop and count it where there is no room; never waits."""
        if self._closing or not self._buffer.put(event):
            self._drop(1)
            if not self._overflowed:
                reason = "the operator is stopping" if self._closing else "the buffer is full"
                logger.error("dropping audit events", reason=reason, pending=len(self._buffer))
            self._overflowed = True
            return
        self._overflowed = False
        self._metrics.buffered.inc()
        self._not_empty.set()
        if len(self._buffer) >= self._batch_size:
            self._send_now.set()

    def flush(self) -> None:
        """Send what is pending, and from now on every event without waiting for a full batch."""
        self._flushing = True
        self._send_now.set()

    async def close(self, within: float) -> int:
        """Send what is pending, for so many seconds at most; return the number of events lost by that.

        A second call does nothing.
        """
        task, self._task, self._closing = self._task, None, True
        if task is None:
            return 0
        self.flush()
        self._not_empty.set()
        before = self._dropped
        await asyncio.wait({task}, timeout=max(within, 0.0))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if left := len(self._in_flight) + len(self._buffer):
            logger.error("audit events lost: the store did not accept them in time", events=left)
            self._drop(left)
        return self._dropped - before

    async def _run(self) -> None:
        while not self._closing or len(self._buffer):
            await self._batch_due()
            await self._send(len(self._buffer))

    async def _batch_due(self) -> None:
        await self._not_empty.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._flush_seconds):
                await self._send_now.wait()

    async def _send(self, count: int) -> None:
        """Send so many events; those added meanwhile wait for the next batch."""
        while count > 0:
            self._in_flight = self._buffer.take(self._batch_size, max_bytes=BATCH_BYTES)
            count -= len(self._in_flight)
            await self._send_batch(self._in_flight)
            self._in_flight = []
        if not len(self._buffer) and not self._closing:
            self._not_empty.clear()
        if len(self._buffer) < self._batch_size and not self._flushing:
            self._send_now.clear()

    async def _send_batch(self, batch: Sequence[bytes]) -> None:
        """Send one batch, or drop and count it; only cancellation raises."""
        try:
            await self._attempts(batch)
        except StoreError as failure:
            error = str(failure)
        except Exception as failure:
            logger.exception("audit store client failed")
            error = repr(failure)
        else:
            self._written += len(batch)
            self._metrics.written.inc(len(batch))
            return
        logger.error("audit batch lost", events=len(batch), error=error)
        self._failed_batches += 1
        self._metrics.failed_batches.inc()
        self._drop(len(batch))

    async def _attempts(self, batch: Sequence[bytes]) -> None:
        for delay in self._retry_delays:
            try:
                return await self._attempt(batch)
            except Unavailable as error:
                logger.warning("audit batch not accepted; retrying", error=str(error))
                await asyncio.sleep(delay)
        return await self._attempt(batch)

    async def _attempt(self, batch: Sequence[bytes]) -> None:
        with self._metrics.write_seconds.time():
            await self._store.write(batch)

    def _drop(self, events: int) -> None:
        self._dropped += events
        self._metrics.dropped.inc(events)
