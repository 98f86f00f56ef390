"""Takes events from the buffer to the store, in batches, in a task of its own; nobody ever waits for it.

A batch goes out when it is full or when its oldest event has waited long enough. It is tried three
times, then dropped and counted (DD-AUDIT-001).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

import structlog

from notification_operator.observers.audit.store import StoreError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_operator.observers.audit.buffer import Buffer
    from notification_operator.observers.audit.metrics import AuditFigures

PAUSES = (1.0, 4.0)
"""Seconds between the tries of a batch."""
BATCH_BYTES = 1_000_000
"""Where a batch ends early: many servers take no request body above 1 MiB."""

logger = structlog.get_logger(__name__)


class Writes(Protocol):
    """What takes the batches: the audit store's client."""

    async def write(self, events: Sequence[bytes]) -> None:
        """Take a batch, or raise `StoreError`."""
        ...


class Writer:
    """Begins with `start`; `hurry` and `close` end it in good order."""

    def __init__(  # noqa: PLR0913 - three collaborators and three tunings
        self,
        store: Writes,
        buffer: Buffer,
        figures: AuditFigures,
        *,
        batch_size: int,
        flush_seconds: float,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._store = store
        self._buffer = buffer
        self._figures = figures
        self._batch_size = batch_size
        self._flush_seconds = flush_seconds
        self._pauses = pauses
        self._under_way: list[bytes] = []
        """The batch that is being sent."""
        self._some, self._now = asyncio.Event(), asyncio.Event()
        """Something waits; it is to go without waiting for more."""
        self._hurried = self._closing = False
        self._overflowed = False
        """Whether the last event was dropped: a row of them is logged once."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="audit")

    def add(self, event: bytes) -> None:
        """Take an event in, or drop and count it where there is no room; returns at once."""
        if self._closing or not self._buffer.put(event):
            self._figures.drop(1)
            if not self._overflowed:
                reason = "the operator stops" if self._closing else "the buffer is full"
                logger.error("audit events are dropped", reason=reason, waiting=len(self._buffer))
            self._overflowed = True
            return
        self._overflowed = False
        self._figures.buffered.inc()
        self._some.set()
        if len(self._buffer) >= self._batch_size:
            self._now.set()

    def hurry(self) -> None:
        """Send what waits, and from now on everything, without waiting for more."""
        self._hurried = True
        self._now.set()

    async def close(self, within: float) -> int:
        """Send what waits, for so many seconds at most; return how many events that loses.

        Called again it does nothing.
        """
        task, self._task, self._closing = self._task, None, True
        if task is None:
            return 0
        self.hurry()
        self._some.set()
        before = self._figures.lost
        await asyncio.wait({task}, timeout=max(within, 0.0))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if left := len(self._under_way) + len(self._buffer):
            logger.error("audit events are lost: the store did not take them in time", events=left)
            self._figures.drop(left)
        return self._figures.lost - before

    async def _run(self) -> None:
        while not self._closing or len(self._buffer):
            await self._due()
            await self._flush(len(self._buffer))

    async def _due(self) -> None:
        await self._some.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._flush_seconds):
                await self._now.wait()

    async def _flush(self, count: int) -> None:
        """Send so many events: those that come meanwhile wait for company."""
        while count > 0:
            self._under_way = self._buffer.take(self._batch_size, most_bytes=BATCH_BYTES)
            count -= len(self._under_way)
            await self._send(self._under_way)
            self._under_way = []
        if not len(self._buffer) and not self._closing:
            self._some.clear()
        if len(self._buffer) < self._batch_size and not self._hurried:
            self._now.clear()

    async def _send(self, batch: Sequence[bytes]) -> None:
        """Send one batch; only cancellation raises."""
        try:
            await self._tried(batch)
        except StoreError as error:
            problem = str(error)
        except Exception as error:
            logger.exception("the audit store's client broke")
            problem = repr(error)
        else:
            self._figures.written.inc(len(batch))
            return
        logger.error("an audit batch is lost", events=len(batch), error=problem)
        self._figures.failed_batches.inc()
        self._figures.drop(len(batch))

    async def _tried(self, batch: Sequence[bytes]) -> None:
        for pause in self._pauses:
            try:
                return await self._once(batch)
            except Unavailable as error:
                logger.warning("audit batch not taken, will try again", error=str(error))
                await asyncio.sleep(pause)
        return await self._once(batch)

    async def _once(self, batch: Sequence[bytes]) -> None:
        with self._figures.write_seconds.time():
            await self._store.write(batch)
