"""Writes the status of each source: an entry of this replica and the summary, seldom (DD-PERF-001, SP-CACHE-001, DD-STATUS-001)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from atomic_status import Gone, ObjectRef, StatusError, apply
from notification_gateway.errors import Unavailable
from notification_gateway.metrics import Outcome
from notification_gateway.shared_calls import SharedCalls
from notification_gateway.sources.catalog import SourceKey
from notification_gateway.sources.status import Counts, Report, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from atomic_status import JsonObject, StatusStore
    from notification_contract.sources.source import Heartbeat, NotificationSource
    from notification_gateway.sources.catalog import Sources
    from notification_gateway.sources.routing_file import RoutingFile

logger = structlog.get_logger(__name__)

COUNTED: Final = {
    Outcome.CREATED: "created",
    Outcome.DUPLICATE: "duplicates",
    Outcome.FILTERED: "filtered",
    Outcome.BEAT: "",
}
"""The counter of an outcome in addition to `received`; every other outcome is a rejection."""
CONCURRENT_WRITES: Final = 4
BEAT_INTERVAL: Final = 1.0
"""The shortest time between two beats of a source that are both written before they are answered, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A beat that was written."""

    time: datetime
    at: float
    """When it was written, on the loop's clock."""


class SourceStatusWriter:
    """Counts what comes in, and writes it.

    Args:
        interval: seconds between two writes of a source.
        replica: the name of this replica's entries.
        live: returns the replicas that hold a Lease.
        rules: tell where messages go.
        clock: the time that is written.
        spread: returns random numbers in [0, 1), which spread the repeats of conflicting writes.
    """

    def __init__(  # noqa: PLR0913 - what it writes, where, and when
        self,
        store: StatusStore,
        sources: Sources,
        *,
        interval: float,
        replica: str,
        live: Callable[[], Collection[str]],
        rules: RoutingFile,
        clock: Callable[[], datetime],
        spread: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._sources = sources
        self._interval = interval
        self._replica = replica
        self._live = live
        self._rules = rules
        self._clock = clock
        self._spread = spread
        self._counts: dict[str, Counts] = {}
        """By uid."""
        self._due: dict[SourceKey, float] = {}
        """When a source with something to write is written, on the loop's clock."""
        self._next: dict[SourceKey, float] = {}
        """The earliest time of its next write."""
        self._beats: dict[str, Beat] = {}
        """The latest beat of each source that this replica has written, by uid."""
        self._beat_writes: SharedCalls[SourceKey, None] = SharedCalls()
        self._changed = asyncio.Event()

    def count(self, key: SourceKey, outcome: Outcome) -> None:
        """Count an authenticated message."""
        declared = self._sources.declared(key)
        if declared is None:
            return
        counts, now = self._counts.get(declared.uid, Counts()), self._clock()
        counts = replace(counts, received=counts.received + 1, last_received=now)
        name = COUNTED.get(outcome, "rejected")
        if name:
            counts = replace(counts, **{name: getattr(counts, name) + 1})
        self._counts[declared.uid] = counts
        self.note(key)

    async def beat(self, source: NotificationSource, time: datetime) -> None:
        """Take a beat, and return when the status holds it, or one that is hardly older.

        To lose one of two beats that follow each other so closely costs less than the grace of the source: the next beat
        comes in time for either of them.

        Raises:
            Unavailable: it could not be written.
        """
        assert source.spec.heartbeat is not None
        key = SourceKey(namespace=source.namespace, name=source.name)
        self._counts[source.uid] = replace(self._counts.get(source.uid, Counts()), last_beat=time)
        written, interval = self._beats.get(source.uid), _beat_interval(source.spec.heartbeat)
        if written is not None and asyncio.get_running_loop().time() < written.at + interval:
            self._plan(key, written.at + interval)
            return
        try:
            await self._beat_writes.get(key, lambda: self._store_beat(key))
        except StatusError as error:
            raise Unavailable("the beat cannot be stored now") from error

    async def _store_beat(self, key: SourceKey) -> None:
        """Write the status of a source now.

        Raises:
            StatusError, Unavailable: it could not be written.
        """
        if not await self._store_status(key):
            raise Unavailable("the source is not examined yet", retry_after=1.0)

    def note(self, key: SourceKey) -> None:
        """Write the status of a source as soon as it may be written."""
        now = asyncio.get_running_loop().time()
        self._plan(key, max(self._next.get(key, now), now))

    def _plan(self, key: SourceKey, time: float) -> None:
        """Write the status of a source at a time of the loop's clock; the earlier of two times counts."""
        self._due[key] = min(self._due.get(key, time), time)
        self._changed.set()

    async def run(self) -> None:
        """Write until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._due:
                await self._changed.wait()
            self._changed.clear()
            now = loop.time()
            due = [key for key, time in self._due.items() if time <= now][:CONCURRENT_WRITES]
            if due:
                await asyncio.gather(*map(self._write, due))
                continue
            soonest = min(self._due.values(), default=now)
            try:
                async with asyncio.timeout(max(soonest - now, 0.001)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _write(self, key: SourceKey) -> None:
        self._due.pop(key, None)
        try:
            await self._store_status(key)
        except Gone:
            return
        except StatusError as error:
            logger.warning("status of source not written; retrying", source=str(key), error=str(error))
            self.note(key)

    async def _store_status(self, key: SourceKey) -> bool:
        """Write the status of a source; return whether there was one to write.

        Raises:
            StatusError: it could not be written.
        """
        declared, readiness = self._sources.declared(key), self._sources.readiness(key)
        if declared is None:
            self._next.pop(key, None)
            self._forget()
            return False
        if readiness is None:
            return False
        self._next[key] = asyncio.get_running_loop().time() + self._interval
        counts, written = self._counts.get(declared.uid, Counts()), self._beats.get(declared.uid)
        if written is not None and written.time == counts.last_beat:
            counts = replace(counts, last_beat=None)
        report = Report(
            replica=self._replica,
            generation=declared.generation,
            readiness=readiness,
            counts=counts,
            routed=self._rules.condition(declared.source.spec) if declared.source else None,
        )
        now, began = self._clock(), asyncio.get_running_loop().time()

        def change(document: JsonObject) -> JsonObject:
            return fold(document, report, live=self._live(), now=now)

        ref = ObjectRef(namespace=key.namespace, name=key.name, uid=declared.uid)
        await apply(self._store, ref, change, spread=self._spread)
        if counts.last_beat is not None:
            self._beats[declared.uid] = Beat(time=counts.last_beat, at=began)
        return True

    def _forget(self) -> None:
        """Forget what was counted of sources that are gone."""
        present = {declared.uid for key in self._sources.keys if (declared := self._sources.declared(key))}
        self._counts = {uid: each for uid, each in self._counts.items() if uid in present}
        self._beats = {uid: each for uid, each in self._beats.items() if uid in present}


def _beat_interval(heartbeat: Heartbeat) -> float:
    """Return the seconds within which a second beat need not be written before it is answered."""
    return max(BEAT_INTERVAL, heartbeat.grace_seconds / 4)
