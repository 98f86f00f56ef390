"""The load generator: creates notifications in a burst or at a pace, and watches when each is final.

Cheap, because it shares the machine with the controller: bodies are prepared, watch events are decoded once,
and nothing polls.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tests.bench.scenarios import Channel
from tests.harness.cluster import FINAL
from tests.harness.notifications import notification, slack_notification

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.api import Api, Object
    from tests.bench.scenarios import Load

CREATORS = 8
"""Concurrent creations in a burst."""


class NotFinalError(Exception):
    """Some notifications did not become final in time."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """Notifications of one load; times are those of `time.perf_counter`."""

    load: Load
    first: int
    """The number of the first one; numbers are unique within a run."""
    refs: Sequence[Mapping[str, str]] = ()
    """The NotificationReceivers, one for each notification in turn; without them the channel of the load."""
    tag: str = field(default_factory=lambda: uuid.uuid4().hex[:6])
    created: dict[str, float] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)

    @property
    def names(self) -> list[str]:
        """The names of all notifications, in their order."""
        return [f"{self.tag}-{self.first + number}" for number in range(self.load.count)]

    @property
    def is_final(self) -> bool:
        """Whether each created one has been seen in its final phase."""
        return len(self.final) >= len(self.created)

    @property
    def latencies(self) -> list[float]:
        """Seconds from creation to final phase of each one."""
        return [self.final[name] - began for name, began in self.created.items()]

    @property
    def seconds(self) -> float:
        """From the first creation to the last final phase."""
        return max(self.final.values()) - min(self.created.values())

    def bodies(self, namespace: str) -> dict[str, bytes]:
        """Return the request bodies, by name."""
        make = slack_notification if self.load.channel is Channel.SLACK else notification
        return {
            name: orjson.dumps(
                make(
                    namespace,
                    name=name,
                    subject=f"bench-{name.rpartition('-')[2]}-",
                    body="measured",
                    retryPolicy=self.load.retry,
                    **self._targets(number),
                )
            )
            for number, name in enumerate(self.names)
        }

    def ref(self, number: int) -> Mapping[str, str]:
        """Return the receiver of a notification, counted from 0."""
        return self.refs[number % len(self.refs)]

    def _targets(self, number: int) -> dict[str, Any]:
        if not self.refs:
            return {}
        return {"channels": None, "recipients": None, "receiverRefs": [self.ref(number)]}


class Follower:
    """Watches a namespace, and records final notifications in their batches."""

    def __init__(self, api: Api, namespace: str, batches: Iterable[Batch]) -> None:
        self._api = api
        self._namespace = namespace
        self._by_tag = {batch.tag: batch for batch in batches}
        self._progress = asyncio.Event()
        self._failure: Exception | None = None

    async def run(self, version: str) -> None:
        """Follow the events after a version, until cancelled or until a request fails, which `until_final` reports."""
        try:
            await self._follow(version)
        except Exception as error:  # noqa: BLE001 - raised by `until_final`
            self._failure = error
            self._progress.set()

    async def _follow(self, version: str) -> None:
        """The API server ends the watch of a slow client; it is resumed from its last version, or by a list if that is too old."""
        while True:
            async for event in self._api.watch(self._namespace, version):
                if event["type"] == "ERROR":
                    version = await self._list()
                    break
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "DELETED":
                    self._see(event["object"])

    async def _list(self) -> str:
        version = await self._api.version(self._namespace)
        for obj in await self._api.all(self._namespace):
            self._see(obj)
        return version

    def _see(self, obj: Object) -> None:
        name, phase = obj["metadata"]["name"], obj["status"]["phase"]
        batch = self._by_tag.get(name.partition("-")[0])
        if batch is not None and phase in FINAL and name not in batch.final:
            batch.final[name] = time.perf_counter()
            batch.phases[phase] += 1
            self._progress.set()

    async def until_final(self, batch: Batch, seconds: float) -> None:
        """Wait for a batch.

        Raises:
            NotFinalError: not all are final in time, or the watch has failed.
        """
        try:
            async with asyncio.timeout(seconds):
                while not batch.is_final:
                    if self._failure:
                        raise NotFinalError(f"the watch failed: {self._failure!r}") from self._failure
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            missing = sorted(batch.created.keys() - batch.final.keys())
            await self._list()
            left = len(batch.created) - len(batch.final)
            raise NotFinalError(
                f"{len(missing)} of {len(batch.created)} were not seen final after {seconds:g} s, such as "
                f"{missing[0]}; {left} of them are not by a listing either"
            ) from None


async def create(api: Api, namespace: str, batch: Batch) -> None:
    """Create all of a batch, at its pace."""
    bodies = list(batch.bodies(namespace).items())
    if batch.load.rate is None:
        await _burst(api, namespace, batch, bodies)
    else:
        await _paced(api, namespace, batch, bodies, batch.load.rate)


async def _burst(api: Api, namespace: str, batch: Batch, bodies: Sequence[tuple[str, bytes]]) -> None:
    waiting = iter(bodies)

    async def creator() -> None:
        for name, body in waiting:
            batch.created[name] = time.perf_counter()
            await api.create(namespace, body)

    async with asyncio.TaskGroup() as group:
        for _ in range(CREATORS):
            group.create_task(creator())


async def _paced(
    api: Api, namespace: str, batch: Batch, bodies: Sequence[tuple[str, bytes]], rate: float
) -> None:
    start = time.perf_counter()
    creating: list[asyncio.Task[None]] = []
    try:
        for number, (name, body) in enumerate(bodies):
            # Measured from the start: a slow creation does not delay the following ones.
            await asyncio.sleep(start + number / rate - time.perf_counter())
            batch.created[name] = time.perf_counter()
            creating.append(asyncio.create_task(api.create(namespace, body)))
    finally:
        # Started creations finish, because the caller waits for every created notification.
        await asyncio.gather(*creating)
