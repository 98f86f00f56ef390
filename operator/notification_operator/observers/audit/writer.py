"""Writes buffered audit events to the store, in batches, in a task of its own; adding an event never waits.

A batch is sent when it is full or when its oldest event has waited long enough. It stays in the buffer until the
store has accepted it or has refused it permanently, so an outage loses only what does not fit (DD-AUDIT-002).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import prometheus_client
import structlog
from prometheus_client import Gauge, Histogram

from notification_domain.audit_events import ACTOR
from notification_operator.observers.audit.store import Refused, TooLarge, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

    from notification_operator.observers.audit.store import AuditStore

logger = structlog.get_logger(__name__)

SERVICE = ("service",)
MAX_BYTES = 32 * 1024 * 1024
"""Memory that pending events may take while the store is down."""
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds between two attempts of a batch; the last delay repeats."""
MAX_RETRY_AFTER = 300.0
"""Seconds that a store can delay the next attempt: a wrong answer must not stop the trail for long."""
CLOSING_ATTEMPTS = 3
"""Failed attempts in a row after which a closing writer abandons the store: a dead store delays no restart."""
BATCH_BYTES = 1_000_000
"""Size limit of a batch: many servers accept no request body above 1 MiB."""
RECOVERY = 8
"""Each accepted batch raises a limit that a 413 response has lowered by one part in so many."""


class AuditMetrics:
    """The audit metrics, with the names that other services use too: every buffered event is later written, dropped, or still pending."""

    def __init__(self, registry: CollectorRegistry, buffer: Buffer) -> None:
        def counter(name: str, description: str) -> prometheus_client.Counter:
            return prometheus_client.Counter(f"audit_{name}", description, SERVICE, registry=registry).labels(
                ACTOR
            )

        def gauge(name: str, description: str) -> Gauge:
            return Gauge(f"audit_{name}", description, SERVICE, registry=registry).labels(ACTOR)

        self.buffered = counter("events_buffered_total", "Audit events added to the buffer.")
        self.written = counter("events_written_total", "Audit events accepted by the audit store.")
        self.dropped = counter(
            "events_dropped_total",
            "Audit events lost because the buffer was full, the store refused them, or the operator stopped.",
        )
        self.failed_batches = counter(
            "batches_failed_total", "Audit batches dropped because the store refused them."
        )
        self.write_seconds = Histogram(
            "audit_write_duration_seconds",
            "Duration in seconds of one request to the audit store.",
            SERVICE,
            registry=registry,
        ).labels(ACTOR)
        gauge("buffer_size", "Audit events in the buffer.").set_function(lambda: len(buffer))
        gauge("buffer_capacity", "Maximum number of audit events in the buffer.").set(buffer.capacity)
        gauge("buffer_utilization_ratio", "Utilization of the audit buffer, from 0 to 1.").set_function(
            lambda: len(buffer) / buffer.capacity
        )


class Buffer:
    """The pending events, first in first out, each the bytes of its JSON; bounded in number and in bytes.

    An event leaves it by `remove`, or by `make_room`: the newest events of the namespace with the most bytes give way (DD-TABLE-001).
    """

    def __init__(self, capacity: int, *, max_bytes: int = MAX_BYTES) -> None:
        self.capacity = capacity
        self._max_bytes = max_bytes
        self._events: dict[int, tuple[str, bytes]] = {}
        """Namespaces and events, by numbers that grow."""
        self._lines: dict[str, deque[int]] = {}
        """The numbers of each namespace, the oldest first."""
        self._held: Counter[str] = Counter()
        """The bytes of each namespace."""
        self._bytes = 0
        self._next = 0
        self._sent = -1
        """The newest event that may be on its way to the store."""

    def __len__(self) -> int:
        return len(self._events)

    def fits(self, event: bytes) -> bool:
        """Return whether there is room for an event."""
        return len(self._events) < self.capacity and self._bytes + len(event) <= self._max_bytes

    def make_room(self, namespace: str, event: bytes) -> int:
        """Let events give way to one of a namespace that has less than theirs, until it fits; return how many."""
        lost = 0
        while not self.fits(event) and self._held:
            largest = max(self._held, key=self._held.__getitem__)
            newest = self._lines[largest][-1]
            if self._held[largest] <= self._held[namespace] + len(event) or newest <= self._sent:
                break
            self._drop(newest, -1)
            lost += 1
        return lost

    def put(self, namespace: str, event: bytes) -> bool:
        """Add an event; return whether there was room for it."""
        if not self.fits(event):
            return False
        self._events[self._next] = namespace, event
        self._lines.setdefault(namespace, deque()).append(self._next)
        self._held[namespace] += len(event)
        self._bytes += len(event)
        self._next += 1
        return True

    def first(self, count: int, *, max_bytes: int) -> list[bytes]:
        """Return the oldest events within both bounds, which then wait for `remove`; an event above the second bound is returned alone."""
        batch: list[bytes] = []
        size = 0
        for number, (_, event) in self._events.items():
            size += len(event)
            if len(batch) >= count or (batch and size > max_bytes):
                break
            batch.append(event)
            self._sent = number
        return batch

    def remove(self, count: int) -> None:
        """Remove the oldest events."""
        for number in tuple(islice(self._events, count)):
            self._drop(number, 0)

    def _drop(self, number: int, end: int) -> None:
        """Remove an event that is at an end of the line of its namespace."""
        namespace, event = self._events.pop(number)
        line = self._lines[namespace]
        del line[end]
        self._held[namespace] -= len(event)
        self._bytes -= len(event)
        if not line:
            del self._lines[namespace], self._held[namespace]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStatistics:
    """Counts of events since the start; `pending` are buffered or being sent."""

    pending: int
    written: int
    dropped: int


class AuditWriter:
    """Starts with `start`; `flush` and `close` end it gracefully.

    Args:
        registry: for the audit metrics.
        capacity: events that may wait.
    """

    def __init__(  # noqa: PLR0913 - a store, metrics and four tunings
        self,
        store: AuditStore,
        registry: CollectorRegistry,
        *,
        capacity: int,
        batch_size: int,
        flush_seconds: float,
        retry_delays: Sequence[float] = RETRY_DELAYS,
    ) -> None:
        self._store = store
        self._buffer = Buffer(capacity)
        self._metrics = AuditMetrics(registry, self._buffer)
        self._batch_size = batch_size
        self._flush_seconds = flush_seconds
        self._retry_delays = retry_delays
        self._batch_bytes = BATCH_BYTES
        """The present size limit of a batch."""
        self._failures = 0
        """Consecutive failed attempts."""
        self._written = self._dropped = 0
        self._not_empty, self._send_now, self._retry_now = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._flushing = self._closing = self._abandoned = False
        self._overflowed = False
        """Whether the last event was dropped: consecutive drops are logged once."""
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """Events that are buffered or being sent."""
        return len(self._buffer)

    def fits(self, event: bytes) -> bool:
        """Return whether there is room for an event."""
        return self._buffer.fits(event)

    def statistics(self) -> AuditStatistics:
        return AuditStatistics(
            pending=self.pending,
            written=self._written,
            dropped=self._dropped,
        )

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="audit")

    def add(self, event: bytes, *, namespace: str = "") -> None:
        """Add an event; where there is no room, drop and count it, or events of the namespace with the most. Never waits."""
        lost = 0 if self._closing else self._buffer.make_room(namespace, event)
        added = not self._closing and self._buffer.put(namespace, event)
        if lost or not added:
            self._drop(lost + (not added))
            if not self._overflowed:
                reason = "the operator is stopping" if self._closing else "the buffer is full"
                logger.error("dropping audit events", reason=reason, pending=len(self._buffer))
        self._overflowed = lost > 0 or not added
        if not added:
            return
        self._metrics.buffered.inc()
        self._not_empty.set()
        if len(self._buffer) >= self._batch_size:
            self._send_now.set()

    def flush(self) -> None:
        """Send what is pending, and from now on every event without waiting for a full batch."""
        self._flushing = True
        self._failures = 0
        self._send_now.set()
        self._retry_now.set()

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
        if left := len(self._buffer):
            logger.error("audit events lost: the store did not accept them in time", events=left)
            self._buffer.remove(left)
            self._drop(left)
        return self._dropped - before

    async def _run(self) -> None:
        while not (self._closing and (self._abandoned or not len(self._buffer))):
            await self._batch_due()
            await self._send(len(self._buffer))

    async def _batch_due(self) -> None:
        await self._not_empty.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._flush_seconds):
                await self._send_now.wait()

    async def _send(self, count: int) -> None:
        """Send so many events; those added meanwhile wait for the next batch."""
        while count > 0 and not self._abandoned:
            batch = self._buffer.first(self._batch_size, max_bytes=self._batch_bytes)
            removed = await self._send_batch(batch)
            self._buffer.remove(removed)
            count -= removed
        if not len(self._buffer) and not self._closing:
            self._not_empty.clear()
        if len(self._buffer) < self._batch_size and not self._flushing:
            self._send_now.clear()

    async def _send_batch(self, batch: Sequence[bytes]) -> int:
        """Send a batch once; return the number of its events that are not pending any more. Only cancellation raises."""
        self._retry_now.clear()
        try:
            with self._metrics.write_seconds.time():
                await self._store.write(batch)
        except Unavailable as failure:
            await self._wait(failure)
            return 0
        except TooLarge as failure:
            if len(batch) > 1:
                self._batch_bytes = sum(map(len, batch)) // 2
                logger.info("audit batch is too large for the store; halving it", events=len(batch))
                return 0
            self._lose(batch, str(failure))
        except Refused as failure:
            self._lose(batch, str(failure))
        except Exception as failure:
            logger.exception("audit store client failed")
            self._lose(batch, repr(failure))
        else:
            self._written += len(batch)
            self._metrics.written.inc(len(batch))
            self._batch_bytes = min(self._batch_bytes + self._batch_bytes // RECOVERY + 1, BATCH_BYTES)
        self._failures = 0
        return len(batch)

    async def _wait(self, failure: Unavailable) -> None:
        """Wait before the next attempt; `flush` ends the wait."""
        delay = self._retry_delays[min(self._failures, len(self._retry_delays) - 1)]
        delay = max(delay, min(failure.retry_after or 0.0, MAX_RETRY_AFTER))
        self._failures += 1
        if self._closing and self._failures >= CLOSING_ATTEMPTS:
            self._abandoned = True
            logger.error("audit store abandoned at shutdown", error=str(failure))
            return
        logger.warning(
            "audit batch not accepted; retrying",
            error=str(failure),
            seconds=delay,
            pending=len(self._buffer),
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._retry_now.wait()

    def _lose(self, batch: Sequence[bytes], error: str) -> None:
        """Count a batch that the store refuses; the caller removes it."""
        logger.error("audit batch lost", events=len(batch), error=error)
        self._metrics.failed_batches.inc()
        self._drop(len(batch))

    def _drop(self, events: int) -> None:
        self._dropped += events
        self._metrics.dropped.inc(events)
