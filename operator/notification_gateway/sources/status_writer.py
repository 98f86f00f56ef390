"""Writes the status of each source: an entry of this replica and the summary, seldom (DD-PERF-001, SP-CACHE-001, DD-STATUS-001)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from atomic_status import Gone, ObjectRef, StatusError, apply
from notification_gateway.metrics import Outcome
from notification_gateway.sources.status import Counts, Report, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from atomic_status import JsonObject, StatusStore
    from notification_gateway.sources.catalog import SourceKey, Sources

logger = structlog.get_logger(__name__)

COUNTED: Final = {
    Outcome.CREATED: "created",
    Outcome.DUPLICATE: "duplicates",
    Outcome.FILTERED: "filtered",
    Outcome.BEAT: "",
}
"""The counter of an outcome in addition to `received`; every other outcome is a rejection."""
CONCURRENT_WRITES: Final = 4


class SourceStatusWriter:
    """Counts what comes in, and writes it.

    Args:
        interval: seconds between two writes of a source.
        replica: the name of this replica's entries.
        live: returns the replicas that hold a Lease.
        clock: the time that is written.
    """

    def __init__(  # noqa: PLR0913 - what it writes, where, and when
        self,
        store: StatusStore,
        sources: Sources,
        *,
        interval: float,
        replica: str,
        live: Callable[[], Collection[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._sources = sources
        self._interval = interval
        self._replica = replica
        self._live = live
        self._clock = clock
        self._counts: dict[str, Counts] = {}
        """By uid."""
        self._due: dict[SourceKey, float] = {}
        """When a source with something to write is written, on the loop's clock."""
        self._next: dict[SourceKey, float] = {}
        """The earliest time of its next write."""
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
        if outcome is Outcome.BEAT:
            counts = replace(counts, last_beat=now)
        self._counts[declared.uid] = counts
        self.note(key)

    def note(self, key: SourceKey) -> None:
        """Write the status of a source as soon as it may be written."""
        now = asyncio.get_running_loop().time()
        self._due.setdefault(key, max(self._next.get(key, now), now))
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
        del self._due[key]
        declared, readiness = self._sources.declared(key), self._sources.readiness(key)
        if declared is None:
            self._next.pop(key, None)
            self._forget()
            return
        if readiness is None:
            return
        self._next[key] = asyncio.get_running_loop().time() + self._interval
        report = Report(
            replica=self._replica,
            generation=declared.generation,
            readiness=readiness,
            counts=self._counts.get(declared.uid, Counts()),
        )
        now = self._clock()

        def change(document: JsonObject) -> JsonObject:
            return fold(document, report, live=self._live(), now=now)

        ref = ObjectRef(namespace=key.namespace, name=key.name, uid=declared.uid)
        try:
            await apply(self._store, ref, change)
        except Gone:
            return
        except StatusError as error:
            logger.warning("status of source not written; retrying", source=str(key), error=str(error))
            self.note(key)

    def _forget(self) -> None:
        """Forget what was counted of sources that are gone."""
        present = {declared.uid for key in self._sources.keys if (declared := self._sources.declared(key))}
        self._counts = {uid: each for uid, each in self._counts.items() if uid in present}
