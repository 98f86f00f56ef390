"""The watches of receivers, Secrets and namespaces of one process: late, broken, refused, and listed again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from notification_runtime.kube.collection_watch import (
    Changed,
    CollectionWatch,
    Failed,
    KubeWatches,
    Listed,
    Removed,
)
from notification_runtime.kube.requests import KubeError
from tests.simulation.network import LostError
from tests.simulation.receivers.api_objects import Selection
from tests.simulation.watch import LAGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from notification_runtime.kube.collection_watch import Collection, Event
    from tests.simulation.choices import Choices
    from tests.simulation.network import Network
    from tests.simulation.outages import Outages
    from tests.simulation.receivers.api_objects import ApiObjects, Change
    from tests.simulation.receivers.seen import Seen

Item = TypeVar("Item")

RETRY_SECONDS = 2.0
"""Seconds until a watch that has failed lists again."""
BROKEN = None
"""Ends a stream."""


@dataclass(slots=True, kw_only=True)
class Conditions:
    """How the watches of a process are disturbed, by times on the loop's clock."""

    blocked_until: float = 0.0
    """Nothing can be listed or watched before."""
    lag_until: float = 0.0
    lag: float = 0.0
    """Changes come so many seconds later, until then."""


class SimulatedWatches(KubeWatches):
    """Opens watches; `seen` holds what they have reported."""

    def __init__(
        self, objects: ApiObjects, network: Network, choices: Choices, *, outages: Outages, seen: Seen
    ) -> None:
        self.objects = objects
        self.network = network
        self.choices = choices
        self.outages = outages
        self.seen = seen
        self.conditions = Conditions()
        self.streams: list[Stream] = []

    def open(self, collection: Collection, keep: Callable[[Mapping[str, Any]], Item]) -> SimulatedWatch[Item]:
        """See `KubeWatches.open`."""
        return SimulatedWatch(self, collection, keep)

    def relist(self) -> None:
        """Break every watch; each one lists again after a while."""
        for stream in tuple(self.streams):
            stream.end()

    def block(self, seconds: float) -> None:
        """Break every watch, and refuse them for a while."""
        self.conditions.blocked_until = asyncio.get_running_loop().time() + seconds
        self.relist()

    def delay(self, lag: float, seconds: float) -> None:
        """Let the changes of the next seconds come later."""
        self.conditions.lag = lag
        self.conditions.lag_until = asyncio.get_running_loop().time() + seconds

    @property
    def broken(self) -> bool:
        """Whether nothing can be listed or watched now."""
        now = asyncio.get_running_loop().time()
        cut = self.network.rough and now < self.network.cut_until
        return cut or now < self.conditions.blocked_until or self.outages.api_seconds > 0

    def lag(self) -> float:
        """Choose the seconds from a change to its event."""
        lagging = asyncio.get_running_loop().time() < self.conditions.lag_until
        usual = self.choices.pick(LAGS) if self.network.rough else LAGS[0]
        return usual + (self.conditions.lag if lagging else 0.0)


class Stream:
    """The changes of a collection since a moment, in their order."""

    def __init__(self, watches: SimulatedWatches, selection: Selection) -> None:
        self._watches = watches
        self._selection = selection
        self._changes: asyncio.Queue[Change | None] = asyncio.Queue()
        self._due = 0.0
        watches.objects.followers.append(self._take)
        watches.streams.append(self)

    async def next(self) -> Change | None:
        """Return the next change; None at the end."""
        return await self._changes.get()

    def end(self) -> None:
        """Break: later changes are not reported."""
        if self in self._watches.streams:
            self._watches.streams.remove(self)
            self._watches.objects.followers.remove(self._take)
            self._changes.put_nowait(BROKEN)

    def _take(self, change: Change) -> None:
        if change.place not in self._selection:
            return
        loop = asyncio.get_running_loop()
        self._due = max(loop.time() + self._watches.lag(), self._due + 1e-6)
        loop.call_at(self._due, self._arrive, change)

    def _arrive(self, change: Change) -> None:
        if self in self._watches.streams:
            if self._watches.broken:
                self.end()
            else:
                self._changes.put_nowait(change)


class SimulatedWatch(CollectionWatch[Item]):
    """The watch of one collection."""

    def __init__(
        self, watches: SimulatedWatches, collection: Collection, keep: Callable[[Mapping[str, Any]], Item]
    ) -> None:
        self._watches = watches
        self._name = collection.name
        self._selection = Selection.of(collection)
        self._keep = keep
        self.error = ""

    async def changes(self) -> AsyncIterator[Event[Item]]:
        """See `Watch.changes`."""
        while True:
            stream: Stream | None = None
            try:
                await self._request()
                stream = Stream(self._watches, self._selection)
                items = self._watches.objects.list(self._selection)
                await asyncio.sleep(self._watches.lag())
                self.error = ""
                self._watches.seen.listed(self._selection, items)
                yield Listed([self._keep(_decoded(data)) for _, data in items])
                while (change := await stream.next()) is not BROKEN:
                    yield self._event(change)
            except LostError:
                pass
            finally:
                if stream is not None:
                    stream.end()
            self.error = "simulated"
            yield Failed(KubeError(status=None, reason=self.error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _request(self) -> None:
        """Request a listing; raises `LostError`."""
        await self._watches.network.transfer(f"a listing of {self._name}")
        if self._watches.broken:
            raise LostError

    def _event(self, change: Change) -> Event[Item]:
        """Report a change."""
        item = self._keep(change.object)
        if change.type == "DELETED":
            self._watches.seen.removed(change.place)
            return Removed(item)
        self._watches.seen.changed(change.place, change.data)
        return Changed(item)


def _decoded(data: bytes) -> dict[str, Any]:
    obj: dict[str, Any] = orjson.loads(data)
    return obj
