"""Attempts that the status does not show yet: running ones, and finished ones that no write holds.

This closes two gaps. A slow attempt does not hold a worker: its reconciliation ends, and the end of the attempt
requests the next one. A failed write loses nothing: finished attempts stay here until a write holds them. Memory
is enough, because an attempt that no write holds at a crash is made again under the same id (DD-LEDGER-001).
A write without an answer stays here, too, and is repeated before anything new is started.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog

from notification_operator.endpoints.budget import BudgetLease, ContentBudget, Reservation
from notification_operator.endpoints.gate import Postponed
from notification_runtime.telemetry.gauges import AttemptStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from notification_domain.key import Key
    from notification_domain.model import Attempt, Notification
    from notification_domain.routing import Route


logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWrite:
    """A status that a reconciliation has decided to write, and what it was decided from."""

    version: str
    """The resourceVersion of the object as it was read: the write cannot be applied to another one."""
    status: dict[str, Any]
    recorded: tuple[Attempt, ...]
    """The finished attempts that it records."""


class ObjectAttempts:
    """The attempts of one object. `Reconciliation` calls these methods in the right order."""

    def __init__(self, key: Key, tracker: AttemptTracker) -> None:
        self.key = key
        self.route: Route | None = None
        """The route of the attempts that are tracked."""
        self.forgotten = False
        """Whether the tracker dropped these attempts."""
        self.deleted = False
        """Whether the latest read, that of a write included, has shown a deletion that a finalizer delays."""
        self.unanswered: Notification | None = None
        """The notification before a write that is not known to have been applied: what that changes is not published."""
        self.lost: StatusWrite | None = None
        """The latest write without an answer."""
        self._tracker = tracker
        self._running: dict[str, asyncio.Task[Attempt]] = {}
        self._finished: list[Attempt] = []
        self.unrecorded_since: float | None = None
        """The time of the event loop since which finished attempts wait for a write; None if none waits."""
        self._reconciled = True
        """Whether a reconciliation looks at the attempts, or failed and is repeated: then their ends request none."""
        self._postponed = False
        """Whether an attempt was postponed since `begin`: the reconciliation may end when it could start again."""

    @property
    def running(self) -> frozenset[str]:
        return frozenset(self._running)

    @property
    def finished(self) -> tuple[Attempt, ...]:
        """The finished attempts that no write is known to hold."""
        return tuple(self._finished)

    @property
    def empty(self) -> bool:
        """Whether nothing is tracked."""
        return not self._running and not self._finished and self.unanswered is None

    def begin(self) -> None:
        """Begin a reconciliation: until its end, it looks at the attempts itself."""
        self._reconciled, self._postponed = True, False
        self._tracker.await_end(self.key.uid)

    def end(self) -> None:
        """End a reconciliation: request the next one when an attempt ends, and at once if one has ended unrecorded."""
        self._reconciled = False
        if self._finished or self._postponed:
            self._report()
        self._tracker.remove_if_empty(self)

    def stall(self) -> None:
        """Let no shutdown wait for these attempts until the next reconciliation: no write can record them."""
        self._reconciled = False
        self._tracker.ignore(self.key.uid)

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
        self._tracker.tasks.add(task)
        self.route, self._running[channel] = route, task
        self._tracker.add(self)
        task.add_done_callback(partial(self._on_done, channel, failed))
        if reservation is not None:
            task.add_done_callback(lambda _task: reservation.release())

    async def wait(self, seconds: float) -> None:
        """Return when no attempt is running, or after so many seconds."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=seconds)

    def begin_write(self, before: Notification) -> Notification:
        """Track the object during a write, and until it is known what that has done.

        Returns:
            The notification before this write, or before the earliest one whose answer was lost.
        """
        self.unanswered = self.unanswered or before
        if not self.forgotten:
            self._tracker.add(self)
        return self.unanswered

    def acknowledge(self, recorded: Iterable[Attempt]) -> None:
        """Drop the finished attempts that were decided on; it is also known what became of earlier writes.

        An attempt of the same number that finished since stays: a held attempt uses up no number.
        """
        self.unanswered = self.lost = None
        decided = tuple(recorded)
        self._finished = [attempt for attempt in self._finished if attempt not in decided]
        self.unrecorded_since = asyncio.get_running_loop().time() if self._finished else None
        self._tracker.remove_if_empty(self)

    def close(self) -> None:
        """Drop everything; running attempts finish unheard."""
        self.forgotten = True
        self.route = self.unanswered = self.lost = None
        self._running.clear()
        self._finished.clear()
        self.unrecorded_since = None

    def _on_done(
        self, channel: str, failed: Callable[[BaseException], Attempt], task: asyncio.Task[Attempt]
    ) -> None:
        self._tracker.tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._running.get(channel) is not task:
            # The notification is deleted, or another process works on it.
            self._report_end(channel, None if error else task.result())
            return
        del self._running[channel]
        if isinstance(error, Postponed):
            self._postponed = self._reconciled
            self._report_unless_reconciled()
        elif not (task.cancelled() and self._tracker.cancelled):
            try:
                self._finish(task.result() if error is None else failed(error))
            except Exception:
                logger.exception("attempt not recorded", uid=self.key.uid, channel=channel)
            if self._finished and self.unrecorded_since is None:
                self.unrecorded_since = task.get_loop().time()
            self._report_unless_reconciled()
        if not self._reconciled:
            self._tracker.remove_if_empty(self)

    def _finish(self, attempt: Attempt) -> None:
        self._finished.append(attempt)
        self._report_end(attempt.channel, attempt)

    def _report_end(self, channel: str, attempt: Attempt | None) -> None:
        if self.key.incident:
            self._tracker.on_end(self.key, channel, attempt)

    def _report_unless_reconciled(self) -> None:
        if not self._reconciled:
            self._report()

    def _report(self) -> None:
        try:
            self._tracker.on_finished(self.key)
        except Exception:
            logger.exception("end of an attempt not reported", uid=self.key.uid)


class AttemptTracker:
    """The attempts of all objects, by uid.

    Args:
        on_finished: called with the key of an object whose attempt finished while no reconciliation looked.
        on_end: called with the key and the target of an attempt of an incident that ended, and with the attempt, whose record may
            take long; with None if it failed unheard.
        budget: bounds the content that attempts hold; by default there is no bound.
    """

    def __init__(
        self,
        *,
        on_finished: Callable[[Key], None],
        on_end: Callable[[Key, str, Attempt | None], None] = lambda _key, _target, _attempt: None,
        budget: ContentBudget | None = None,
    ) -> None:
        self.on_finished = on_finished
        self.on_end = on_end
        self.tasks: set[asyncio.Task[Attempt]] = set()
        self.cancelled = False
        """Whether the tracker itself has cancelled the running attempts."""
        self._budget = budget or ContentBudget(None, on_room=on_finished)
        self._objects: dict[str, ObjectAttempts] = {}
        self._handles: WeakValueDictionary[str, ObjectAttempts] = WeakValueDictionary()
        """What `of` has returned, for as long as a reconciliation uses it, although nothing may be tracked yet."""
        self._awaited: set[str] = set()
        """The objects that a shutdown waits for: all but the stalled ones."""
        self._idle = asyncio.Event()
        self._idle.set()

    def statistics(self, may_record: Callable[[Key], bool] = lambda _key: True) -> AttemptStatistics:
        """Return the current numbers; attempts that this process may not record do not count as unrecorded.

        They stay, because the process may record them if it gains their shard again.
        """
        objects = self._objects.values()
        waiting = [each for each in objects if each.finished and may_record(each.key)]
        since = [each.unrecorded_since for each in waiting if each.unrecorded_since is not None]
        return AttemptStatistics(
            objects=len(objects),
            running=len(self.tasks),
            unrecorded=sum(len(each.finished) for each in waiting),
            unrecorded_seconds=asyncio.get_running_loop().time() - min(since) if since else 0.0,
            waiting=self._budget.waiting,
            held_bytes=self._budget.used,
        )

    @property
    def keys(self) -> tuple[Key, ...]:
        """The objects that attempts are tracked for, except the stalled ones: nobody waits for these."""
        return tuple(each.key for uid, each in self._objects.items() if uid in self._awaited)

    def of(self, key: Key) -> ObjectAttempts:
        """Return the attempts of an object; each reconciliation asks once."""
        attempts = self._objects.get(key.uid) or ObjectAttempts(key, self)
        self._handles[key.uid] = attempts
        return attempts

    def lease(self, key: Key) -> BudgetLease:
        """Return the lease of one reconciliation, in which it reserves room for the content of attempts."""
        return self._budget.lease(key)

    def tracks(self, uid: str) -> bool:
        """Return whether an object has attempts that are running or not yet recorded."""
        return uid in self._objects

    def finished(self, uid: str) -> tuple[Attempt, ...]:
        """Return an object's finished attempts that no write is known to hold."""
        attempts = self._objects.get(uid)
        return () if attempts is None else attempts.finished

    def has_unrecorded(self, uid: str) -> bool:
        """Return whether an object needs a reconciliation that records attempts, or finds out what a write has done."""
        attempts = self._objects.get(uid)
        return attempts is not None and (bool(attempts.finished) or attempts.unanswered is not None)

    def forget(self, uid: str) -> None:
        """Drop the attempts of an object; running ones finish unheard, it waits for no room, and its reconciliation starts none."""
        attempts = self._handles.pop(uid, None)
        if attempts is not None:
            attempts.close()
        self._remove(uid)
        self._budget.forget(uid)

    def yield_room(self, uid: str) -> None:
        """Keep no room for an object that is not reconciled now."""
        self._budget.forget(uid)

    async def idle(self) -> None:
        """Return when no object has attempts that are running or not yet recorded, except the stalled ones."""
        # Another object may be added before the task that waits runs again.
        while self._awaited:
            await self._idle.wait()

    def cancel(self) -> None:
        """Cancel every running attempt; none of them leaves a result."""
        self.cancelled = True
        for task in self.tasks:
            task.cancel()

    def add(self, attempts: ObjectAttempts) -> None:
        self._objects[attempts.key.uid] = attempts
        self.await_end(attempts.key.uid)

    def await_end(self, uid: str) -> None:
        """Let a shutdown wait for an object, if it is tracked."""
        if uid in self._objects:
            self._awaited.add(uid)
            self._idle.clear()

    def ignore(self, uid: str) -> None:
        """Let no shutdown wait for an object."""
        self._awaited.discard(uid)
        if not self._awaited:
            self._idle.set()

    def remove_if_empty(self, attempts: ObjectAttempts) -> None:
        """Track an object no longer that has nothing to track."""
        if attempts.empty and self._objects.get(attempts.key.uid) is attempts:
            self._remove(attempts.key.uid)

    def _remove(self, uid: str) -> None:
        attempts = self._objects.pop(uid, None)
        if attempts is not None:
            attempts.close()
        self.ignore(uid)
