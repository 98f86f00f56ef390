"""The start and the end of the operator's parts."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from notification_operator.wiring import Operator

LAST_STEPS = 2.0
"""Seconds of the grace period, at most a third of it, that are kept from running attempts.

Half of them are for the steps after the last attempt, half for the end of the process.
"""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownReport:
    """What a shutdown could not finish."""

    lost_audit_events: int
    abandoned: int
    """Notifications whose attempts were still running or unrecorded when the grace period ended."""
    drain_seconds: float
    """How long the shutdown waited for attempts."""


class Lifecycle:
    """Runs the parts of the operator, and stops them in order within the grace period.

    Args:
        closed_seconds: returns for how long notifications may have gone unnoticed; a replica leaves its work to others
            when that is long.
    """

    def __init__(
        self, operator: Operator, *, closed_seconds: Callable[[], float], grace_seconds: float
    ) -> None:
        self.operator = operator
        self._closed_seconds = closed_seconds
        self.report: ShutdownReport | None = None
        """Set when the shutdown has finished."""
        self._grace_seconds = grace_seconds
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def tasks(self) -> Mapping[str, bool]:
        """Whether each task is running, by name."""
        return {task.get_name(): not task.done() for task in self._tasks}

    def start(self) -> None:
        """Start every part."""
        operator, on_change = self.operator, self._on_change
        operator.audit.start()
        operator.events.start()
        self.spawn(operator.routing.run(on_known=on_change), name="routing")
        if operator.receivers:
            self.spawn(operator.receivers.run(on_known=on_change), name="receivers")
            self.spawn(operator.receivers.status.run(), name="receiver status")
        if operator.heartbeats:
            self.spawn(operator.heartbeats.sources.run(), name="sources")
            self.spawn(operator.heartbeats.controller.run(), name="heartbeats of sources")
        if operator.external_heartbeat:
            self.spawn(operator.external_heartbeat.run(), name="external heartbeat")
        self.spawn(
            operator.queue.run(operator.reconciler.reconcile, admit=operator.reconciler.admits),
            name="work queue",
        )
        self.spawn(operator.backlog_listing.run(), name="backlog listing")
        if operator.sweeper:
            self.spawn(operator.sweeper.run(), name="retention")
        if operator.elector:
            drained = operator.ownership.drained
            election = operator.elector.run(
                closed_seconds=self._closed_seconds, drained=drained, on_change=on_change
            )
            self.spawn(election, name="elector")

    def _on_change(self) -> None:
        """Admit what this replica may work on now."""
        self.operator.ownership.on_change()
        if self.operator.receivers:
            self.operator.receivers.status.note_all()

    def spawn(self, work: Coroutine[None, None, None], *, name: str) -> None:
        """Run a task until the shutdown."""
        self._tasks.append(asyncio.create_task(work, name=name))

    async def stop(self) -> None:
        """Start nothing new, finish running attempts, and close everything, within the grace period."""
        operator, loop = self.operator, asyncio.get_running_loop()
        began = loop.time()
        kept = min(LAST_STEPS, self._grace_seconds / 3)
        end = began + self._grace_seconds
        logger.info("shutdown requested", grace_seconds=self._grace_seconds)
        operator.audit.flush()
        operator.ownership.begin_shutdown()
        logger.info("draining", notifications=operator.attempts.statistics().objects)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end - kept):
                await operator.attempts.idle()
        drain_seconds, attempts = loop.time() - began, operator.attempts.statistics()
        if attempts.objects:
            logger.warning(
                "abandoned in-flight attempts at the end of the grace period",
                in_flight=attempts.running,
                unsaved=attempts.unrecorded,
            )
        operator.attempts.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        lost = await self._close(end - kept / 2)
        self.report = ShutdownReport(
            lost_audit_events=lost, abandoned=attempts.objects, drain_seconds=drain_seconds
        )
        logger.info("stopped", seconds=round(loop.time() - began, 3), lost_audit_events=lost)

    async def _close(self, end: float) -> int:
        """Send the last events, release the Leases and close the channels concurrently; return the lost events."""
        operator, left = self.operator, end - asyncio.get_running_loop().time()
        lost, *_ = await asyncio.gather(
            operator.audit.close(left),
            operator.events.close(left),
            _within(left, operator.endpoints.close()),
            _within(left, self._release()),
            _within(left, operator.sessions.close()),
        )
        return lost

    async def _release(self) -> None:
        if self.operator.elector:
            await self.operator.elector.release()


async def _within(seconds: float, step: Coroutine[None, None, None]) -> None:
    """Run a step, and cancel it when its time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0.0)):
            await step
