"""Attempts that the status does not show yet: running ones, and finished ones that no write holds.

This closes two gaps. A slow attempt does not hold a worker: its reconciliation ends, and the end of the attempt
requests the next one. A failed write loses nothing: finished attempts stay here until a write holds them. Memory
is enough, because an attempt that no write holds at a crash is made again under the same id (DD-LEDGER-001).
A write without an answer stays here, too, and is repeated before anything new is started.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import structlog

from notification_operator.delivery.channel import Postponed
from notification_operator.delivery.content.budget import BudgetLease, ContentBudget, Reservation
from notification_operator.telemetry.statistics import AttemptStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from notification_operator.domain.folding.status_write import StatusWrite
    from notification_operator.domain.key import Key
    from notification_operator.domain.model import Attempt, Notification
    from notification_operator.domain.routing.route import Route


logger = structlog.get_logger(__name__)


class _Registry:
    """What a tracker and its handles share."""

    def __init__(self, on_finished: Callable[[Key], None]) -> None:
        self.on_finished = on_finished
        self.handles: dict[str, ObjectAttempts] = {}
        self.tasks: set[asyncio.Task[Attempt]] = set()
        self.cancelled = False
        """Whether the tracker itself has cancelled the running attempts."""
        self.awaited: set[str] = set()
        """The objects that a shutdown waits for: all but the stalled ones."""
        self.idle = asyncio.Event()
        self.idle.set()

    def add(self, handle: ObjectAttempts) -> None:
        self.handles[handle.key.uid] = handle
        self.wait_for(handle.key.uid)

    def wait_for(self, uid: str) -> None:
        if uid in self.handles:
            self.awaited.add(uid)
            self.idle.clear()

    def ignore(self, uid: str) -> None:
        self.awaited.discard(uid)
        if not self.awaited:
            self.idle.set()

    def remove(self, uid: str) -> None:
        handle = self.handles.pop(uid, None)
        if handle is not None:
            handle.close()
        self.ignore(uid)


class ObjectAttempts:
    """The attempts of one object: the handle that a reconciliation works with."""

    def __init__(self, key: Key, registry: _Registry) -> None:
        self.key = key
        self.route: Route | None = None
        """The route of the attempts that are tracked."""
        self.forgotten = False
        """Whether the tracker dropped these attempts after they were tracked."""
        self.unanswered: Notification | None = None
        """The notification before a write that is not known to have been applied: what that changes is not published."""
        self.repeats: StatusWrite | None = None
        """The write that this reconciliation repeats, because it may still be applied to the object as it was read."""
        self._lost: StatusWrite | None = None
        """The latest write without an answer."""
        self._registry = registry
        self._running: dict[str, asyncio.Task[Attempt]] = {}
        self._finished: list[Attempt] = []
        self._muted = True
        self._postponed = False
        """Whether an attempt was postponed since `mute`: the reconciliation may end when it could start again."""

    @property
    def running(self) -> frozenset[str]:
        """The channels that have a running attempt."""
        return frozenset(self._running)

    @property
    def finished(self) -> tuple[Attempt, ...]:
        """The finished attempts that no write is known to hold."""
        return tuple(self._finished)

    def start(
        self,
        channel: str,
        route: Route,
        attempt: Coroutine[None, None, Attempt],
        *,
        failed: Callable[[BaseException], Attempt],
        reservation: Reservation | None = None,
    ) -> None:
        """Start an attempt on a channel of the route that has none running.

        `failed` turns an exception that ends the attempt into its record, so that no attempt is lost. The
        reservation is released at the end of the attempt.
        """
        task = asyncio.create_task(attempt, name=f"attempt {self.key.uid}:{channel}")
        self._registry.tasks.add(task)
        self.route, self._running[channel] = route, task
        self._registry.add(self)
        task.add_done_callback(partial(self._on_done, channel, failed))
        if reservation is not None:
            task.add_done_callback(lambda _task: reservation.release())

    async def wait(self, seconds: float) -> None:
        """Return when no attempt is running, or after so many seconds."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=seconds)

    def mute(self, version: str) -> None:
        """Do not call `on_finished`: a reconciliation, which has read this resourceVersion, looks at the attempts itself."""
        self._muted, self._postponed = True, False
        self.repeats = self._lost if self._lost is not None and self._lost.version == version else None
        self._registry.wait_for(self.key.uid)

    def stall(self) -> None:
        """Let no shutdown wait for these attempts until the next reconciliation: no write can record them."""
        self._muted = False
        self._registry.ignore(self.key.uid)

    def unmute(self) -> None:
        """Call `on_finished` for each attempt that ends from now on, and at once if one has finished or was postponed."""
        self._muted = False
        if self._finished or self._postponed:
            self._report()
        self._remove_if_empty()

    def keep(self, before: Notification) -> Notification:
        """Track the object during a write, and until it is known what that has done.

        Returns:
            The notification before this write, or before the earliest one whose answer was lost.
        """
        self.unanswered = self.unanswered or before
        if not self.forgotten:
            self._registry.add(self)
        return self.unanswered

    def remember(self, write: StatusWrite) -> None:
        """Remember a write without an answer."""
        self._lost = write

    def acknowledge(self, recorded: Iterable[Attempt]) -> None:
        """Drop the finished attempts that were decided on; it is also known what became of earlier writes.

        An attempt of the same number that finished since stays: a held attempt uses up no number.
        """
        self.unanswered = self._lost = None
        decided = tuple(recorded)
        self._finished = [attempt for attempt in self._finished if attempt not in decided]
        self._remove_if_empty()

    def close(self) -> None:
        """Drop everything; running attempts finish unheard."""
        self.forgotten = True
        self.route = self.unanswered = self._lost = None
        self._running.clear()
        self._finished.clear()

    def _on_done(
        self, channel: str, failed: Callable[[BaseException], Attempt], task: asyncio.Task[Attempt]
    ) -> None:
        self._registry.tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._running.get(channel) is not task:
            return
        del self._running[channel]
        if isinstance(error, Postponed):
            self._postponed = self._muted
            self._report_unless_muted()
        elif not (task.cancelled() and self._registry.cancelled):
            try:
                self._finished.append(task.result() if error is None else failed(error))
            except Exception:
                logger.exception("attempt not recorded", uid=self.key.uid, channel=channel)
            self._report_unless_muted()
        if not self._muted:
            self._remove_if_empty()

    def _report_unless_muted(self) -> None:
        if not self._muted:
            self._report()

    def _report(self) -> None:
        try:
            self._registry.on_finished(self.key)
        except Exception:
            logger.exception("end of an attempt not reported", uid=self.key.uid)

    def _remove_if_empty(self) -> None:
        uid, empty = self.key.uid, not self._running and not self._finished and self.unanswered is None
        if empty and self._registry.handles.get(uid) is self:
            self._registry.remove(uid)


class AttemptTracker:
    """The attempts of all objects, by uid.

    Args:
        on_finished: called with the key of an object whose attempt finished while no reconciliation looked.
        budget: bounds the content that attempts hold; by default there is no bound.
    """

    def __init__(self, *, on_finished: Callable[[Key], None], budget: ContentBudget | None = None) -> None:
        self._registry = _Registry(on_finished)
        self._budget = budget or ContentBudget(None, on_room=on_finished)

    def statistics(self) -> AttemptStatistics:
        """Return the current numbers."""
        handles = self._registry.handles.values()
        return AttemptStatistics(
            objects=len(handles),
            running=len(self._registry.tasks),
            unrecorded=sum(len(handle.finished) for handle in handles),
            waiting=self._budget.waiting,
            held_bytes=self._budget.used,
        )

    @property
    def uids(self) -> tuple[str, ...]:
        """The objects that attempts are tracked for, except the stalled ones: nobody waits for these."""
        return tuple(uid for uid in self._registry.handles if uid in self._registry.awaited)

    def open(self, key: Key) -> ObjectAttempts:
        """Return the handle of an object's attempts; open it once per reconciliation."""
        return self._registry.handles.get(key.uid) or ObjectAttempts(key, self._registry)

    def lease(self, key: Key) -> BudgetLease:
        """Return the lease of one reconciliation, in which it reserves room for the content of attempts."""
        return self._budget.lease(key)

    def tracks(self, uid: str) -> bool:
        """Return whether an object has attempts that are running or not yet recorded."""
        return uid in self._registry.handles

    def finished(self, uid: str) -> tuple[Attempt, ...]:
        """Return an object's finished attempts that no write is known to hold."""
        handle = self._registry.handles.get(uid)
        return () if handle is None else handle.finished

    def has_unrecorded(self, uid: str) -> bool:
        """Return whether an object needs a reconciliation that records attempts, or finds out what a write has done."""
        handle = self._registry.handles.get(uid)
        return handle is not None and (bool(handle.finished) or handle.unanswered is not None)

    def forget(self, uid: str) -> None:
        """Drop the attempts of an object; running ones finish unheard, and it waits for no room."""
        self._registry.remove(uid)
        self._budget.forget(uid)

    def yield_room(self, uid: str) -> None:
        """Keep no room for an object that is not reconciled now."""
        self._budget.forget(uid)

    async def idle(self) -> None:
        """Return when no object has attempts that are running or not yet recorded, except the stalled ones."""
        # Another object may be added before the task that waits runs again.
        while self._registry.awaited:
            await self._registry.idle.wait()

    def cancel(self) -> None:
        """Cancel every running attempt; none of them leaves a result."""
        self._registry.cancelled = True
        for task in self._registry.tasks:
            task.cancel()
