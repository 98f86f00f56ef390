"""Reports missing heartbeats: the controller of NotificationSources in the operator (DD-GATEWAY-001).

Every second it looks at what was last seen of each source. If there is anything to do, the decision follows from a fresh
read (DD-PERF-001, SP-CACHE-001, DD-STATUS-001). The mark of a missing beat is written before its notification is created,
and removed after the notification of its return is: wherever a process ends, the next one goes on, and the names of the
notifications make sure that each of them exists once.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import structlog

from atomic_status import Applied, Gone, StatusError, apply
from notification_contract.sources.source import NotificationSource
from notification_domain.heartbeats import reports
from notification_domain.heartbeats.beats import Beats, with_missing, without_missing
from notification_domain.heartbeats.presence import PresenceLog, Silence
from notification_operator.controller.request import Result, ref_of
from notification_operator.controller.workqueue import WorkQueue, backoff
from notification_runtime.kube.requests import KubeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from prometheus_client import Counter, Gauge

    from atomic_status import JsonObject, StatusStore
    from notification_domain.key import Key
    from notification_operator.controller.request import Request

logger = structlog.get_logger(__name__)

INTERVAL: Final = 1.0
"""Seconds between two looks at the Leases of the gateway and at the sources."""
LIST_SECONDS: Final = 2.0
"""Time limit of a listing of the Leases."""
WORKERS: Final = 8
"""Sources that are read and reported on concurrently."""
SILENCE_SHARD: Final = "heartbeats"
"""The owner of the shard of this key reports that the gateway is away."""
FORGOTTEN_AFTER: Final = 86_400.0
"""Seconds after the beginning of a silence from which on it is not reported any more: retention may have deleted its notice."""
EXISTS: Final = "already exists"
"""Part of the message of a 409 if an object has the name; it means something else, for example, while a quota is counted."""


class Report(StrEnum):
    """The kinds of notifications about heartbeats: label values of the metric."""

    MISSED = "missed"
    BACK = "back"
    MISSED_ALL = "missed_all"


class HeartbeatController:
    """Looks for missing beats, for beats that are back, and for times in which the gateway was away.

    Args:
        store: the status of sources.
        leases: lists the Leases of the gateway's namespace; raises `KubeError`.
        create: creates a NotificationRequest; raises `KubeError`.
        sources: returns what was last seen of every source.
        refresh: takes a source that was read.
        owns: returns whether this replica owns what has a shard key.
        reported: counts the notifications that were created, by report.
        missing: shows the number of sources of this replica whose beat is missing.
        clock: the wall-clock time, for the queue; no decision depends on it.
    """

    def __init__(  # noqa: PLR0913 - what it reads, writes and creates
        self,
        *,
        store: StatusStore,
        leases: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]],
        create: Callable[[Mapping[str, Any]], Awaitable[None]],
        sources: Callable[[], Collection[Beats]],
        refresh: Callable[[Mapping[str, Any]], None],
        owns: Callable[[str], bool],
        reported: Counter,
        missing: Gauge,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
    ) -> None:
        self._store = store
        self._spread = spread
        self._leases = leases
        self._create_request = create
        self._sources = sources
        self._refresh = refresh
        self._owns = owns
        self._reported = reported
        self._missing = missing
        self._queue = WorkQueue(workers=WORKERS, clock=clock)
        self._queued: set[Key] = set()
        """Sources that are in the queue; one that failed is retried by the queue."""
        self._done: dict[Key, datetime] = {}
        """The beat after which this process has reported the missing one, for each source."""
        self._presence = PresenceLog()
        self._silences: dict[datetime, Silence] = {}
        """Silences that were seen, by what identifies them."""
        self._silences_reported: set[tuple[datetime, str]] = set()
        """Silences with the namespaces that have their notice."""
        self._retries: dict[str, tuple[int, float]] = {}
        """The failures of the latest notice of a namespace, and when it is tried again, by the loop's clock."""
        self._error = ""

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self._queue.run(self._reconcile, admit=lambda _key: True), name="heartbeat queue"
            )
            while True:
                await self._look()
                await asyncio.sleep(INTERVAL)

    async def _look(self) -> None:
        """Enqueue the sources that there is something to do for."""
        active = [each for each in self._sources() if each.last is not None]
        self._forget_deleted({each.key for each in active})
        self._missing.set(sum(each.missed is not None and self._owns(each.key.uid) for each in active))
        if not active:
            # No beat is expected: an absence of the gateway concerns no source.
            self._presence = PresenceLog()
            return
        if not await self._observe():
            return
        for each in active:
            if self._is_due(each) and each.key not in self._queued and self._owns(each.key.uid):
                self._queued.add(each.key)
                self._queue.add(each.key)
        await self._report_silences(active)

    def _forget_deleted(self, known: AbstractSet[Key]) -> None:
        """Remember nothing of sources that do not exist any more."""
        for key in self._done.keys() - known - self._queued:
            del self._done[key]

    async def _observe(self) -> bool:
        """Look at the Leases of the gateway; return whether that was possible."""
        try:
            async with asyncio.timeout(LIST_SECONDS):
                leases = await self._leases()
        except (KubeError, TimeoutError) as error:
            self._note(str(error) or "no answer")
            return False
        self._note("")
        self._presence.observe(leases, asyncio.get_running_loop().time())
        return True

    def _is_due(self, beats: Beats) -> bool:
        presence = self._presence.presence
        if beats.is_back:
            return True
        if self._done.get(beats.key) == beats.last:
            return False
        return beats.is_missing(presence) or beats.may_be_unreported(presence)

    async def _reconcile(self, request: Request) -> Result:
        """Report on a source what its fresh state asks for."""
        key = request.key
        try:
            if self._owns(key.uid):
                await self._bring_up_to_date(key)
        except Gone:
            self._done.pop(key, None)
        except (StatusError, KubeError) as error:
            if not request.failures:
                logger.warning(
                    "heartbeat not reported; retrying", source=f"{key.namespace}/{key.name}", error=str(error)
                )
            return Result(error=error)
        self._queued.discard(key)
        return Result(final=True)

    async def _bring_up_to_date(self, key: Key) -> None:
        """Mark a missing beat, create what the mark asks for, and remove it when beats are back."""
        presence = self._presence.presence

        document = await self._apply(key, lambda fresh: with_missing(fresh, presence))
        beats = Beats.parse(document)
        if beats is None or beats.missed is None or beats.last is None:
            return
        source, missed = NotificationSource.parse(document), beats.missed
        if self._done.get(key) != missed and beats.may_be_unreported(presence):
            await self._create(reports.missed(source, missed), Report.MISSED)
        self._done[key] = missed
        if beats.is_back:
            await self._create(reports.back(source, missed, beats.last), Report.BACK)
            await self._apply(key, lambda fresh: without_missing(fresh, missed))
            del self._done[key]

    async def _apply(self, key: Key, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
        """Write a status by a fresh read, if it changes; return the object as it is then.

        Raises:
            StatusError: it could not be read or written.
        """
        outcome = await apply(self._store, ref_of(key), change, spread=self._spread)
        document = outcome.after if isinstance(outcome, Applied) else outcome.current
        # The watch may be late: without this, the source would be read again every second.
        self._refresh(document)
        return document

    async def _report_silences(self, active: Collection[Beats]) -> None:
        """Report to each namespace, once, that the gateway is or was away for longer than the shortest grace of its sources."""
        now, silence = asyncio.get_running_loop().time(), self._presence.silence
        if silence is not None:
            self._silences[silence.since] = silence
        for since, each in tuple(self._silences.items()):
            if now - each.began > FORGOTTEN_AFTER:
                del self._silences[since]
                self._retries.clear()
                self._silences_reported = {done for done in self._silences_reported if done[0] != since}
            elif self._owns(SILENCE_SHARD):
                for namespace, beats in _by_namespace(active).items():
                    grace = min(beat.grace for beat in beats)
                    is_new = (since, namespace) not in self._silences_reported
                    if is_new and each.seconds > max(grace, each.promised):
                        await self._report_silence(each, namespace, len(beats))

    async def _report_silence(self, silence: Silence, namespace: str, sources: int) -> None:
        failures, next_try = self._retries.get(namespace, (0, 0.0))
        if asyncio.get_running_loop().time() < next_try:
            return
        try:
            await self._create(reports.missed_all(namespace, silence, sources), Report.MISSED_ALL)
        except KubeError as error:
            if not failures:
                logger.warning(
                    "absence of the gateway not reported; retrying", namespace=namespace, error=str(error)
                )
            next_try = asyncio.get_running_loop().time() + backoff(failures + 1)
            self._retries[namespace] = failures + 1, next_try
        else:
            self._retries.pop(namespace, None)
            self._silences_reported.add((silence.since, namespace))

    async def _create(self, document: Mapping[str, Any], report: Report) -> None:
        """Create a notification, unless it exists.

        Raises:
            KubeError: it was not created.
        """
        try:
            await self._create_request(document)
        except KubeError as error:
            if not (error.conflict and EXISTS in error.reason):
                raise
            return
        self._reported.labels(report=report.value).inc()
        metadata = document["metadata"]
        logger.warning(
            "heartbeat reported",
            report=report.value,
            notification=f"{metadata['namespace']}/{metadata['name']}",
            subject=document["spec"]["subject"],
        )

    def _note(self, error: str) -> None:
        """Log why heartbeats cannot be judged, once while it stays the same."""
        if error and error != self._error:
            logger.warning("heartbeats not judged; retrying", error=error)
        self._error = error


def _by_namespace(active: Collection[Beats]) -> Mapping[str, Sequence[Beats]]:
    namespaces: dict[str, list[Beats]] = {}
    for each in active:
        namespaces.setdefault(each.key.namespace, []).append(each)
    return namespaces
