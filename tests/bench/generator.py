"""The load generator: creates notifications in a burst or at a pace, and watches when each is final.

Cheap, because it shares the machine with the operator: bodies are prepared, watch events are decoded once,
and nothing polls.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tests.bench.scenarios import Channel
from tests.harness.cluster import FINAL
from tests.harness.notifications import notification

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.bench.api import Api, Object
    from tests.bench.scenarios import Load
    from tests.harness.receivers import StoredReceiver

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
    receiver: StoredReceiver | None = None
    """Where notifications go instead of to a channel."""
    tag: str = field(default_factory=lambda: uuid.uuid4().hex[:6])
    created: dict[str, float] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)

    @property
    def latencies(self) -> list[float]:
        """Seconds from creation to final phase of each one."""
        return [self.final[name] - began for name, began in self.created.items()]

    @property
    def seconds(self) -> float:
        """From the first creation to the last final phase."""
        return max(self.final.values()) - min(self.created.values())

    def bodies(self, namespace: str) -> dict[str, bytes]:
        """Return the request bodies, by name, in their order."""
        target: dict[str, Any] = {"channels": [self.load.channel]}
        if self.receiver:
            target = {"channels": None, "recipients": None, "receiverRefs": [self.receiver.ref]}
        elif self.load.channel is Channel.SLACK:
            target |= {"recipients": [{"slack": "#test"}]}
        target |= {"body": "measured", "retryPolicy": self.load.retry}
        bodies = {}
        for number in range(self.first, self.first + self.load.count):
            name = f"{self.tag}-{number}"
            event = {"event": "Trigger", "dedupKey": name} if self.load.incidents else {}
            obj = notification(namespace, name=name, subject=f"bench-{number}-", **(target | event))
            bodies[name] = orjson.dumps(obj)
        return bodies


class Follower:
    """Watches a namespace, and records in a batch which of its notifications are final."""

    def __init__(self, api: Api, namespace: str, batch: Batch) -> None:
        self._api = api
        self._namespace = namespace
        self._batch = batch
        self._progress = asyncio.Event()
        self._failure: Exception | None = None

    async def run(self, version: str) -> None:
        """Follow the events after a version, until cancelled or until a request fails, which `until_final` reports.

        The API server ends the watch of a slow client; it is resumed from its last version, or by a list if that is too old.
        """
        try:
            while True:
                async for event in self._api.watch(self._namespace, version):
                    if event["type"] == "ERROR":
                        version = await self._api.version(self._namespace)
                        for obj in await self._api.all(self._namespace):
                            self._see(obj)
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "DELETED":
                        self._see(event["object"])
        except Exception as error:  # noqa: BLE001 - raised by `until_final`
            self._failure = error
            self._progress.set()

    def _see(self, obj: Object) -> None:
        name, phase, batch = obj["metadata"]["name"], obj["status"]["phase"], self._batch
        if name.startswith(f"{batch.tag}-") and phase in FINAL and name not in batch.final:
            batch.final[name] = time.perf_counter()
            batch.phases[phase] += 1
            self._progress.set()

    async def until_final(self, seconds: float) -> None:
        """Wait for the batch.

        Raises:
            NotFinalError: not all are final in time, or the watch has failed.
        """
        batch = self._batch
        try:
            async with asyncio.timeout(seconds):
                while len(batch.final) < len(batch.created):
                    if self._failure:
                        raise NotFinalError(f"the watch failed: {self._failure!r}") from self._failure
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            missing = sorted(batch.created.keys() - batch.final.keys())
            text = f"{len(missing)} of {len(batch.created)} are not final after {seconds:g} s"
            raise NotFinalError(f"{text}, such as {missing[0]}") from None


@asynccontextmanager
async def followed(api: Api, namespace: str, batch: Batch) -> AsyncIterator[Follower]:
    """Follow a batch during the block."""
    follower = Follower(api, namespace, batch)
    following = asyncio.create_task(follower.run(await api.version(namespace)))
    try:
        yield follower
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def create(api: Api, namespace: str, batch: Batch) -> None:
    """Create all of a batch, at its pace; without one, with several connections."""
    bodies, start, rate = batch.bodies(namespace), time.perf_counter(), batch.load.rate
    waiting = iter(bodies.items())

    async def creator() -> None:
        for name, body in waiting:
            batch.created[name] = time.perf_counter()
            await api.create(namespace, body)

    if rate is None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CREATORS):
                group.create_task(creator())
        return
    creating: list[asyncio.Task[None]] = []
    try:
        for number, (name, body) in enumerate(waiting):
            # Measured from the start: a slow creation does not delay the following ones.
            await asyncio.sleep(start + number / rate - time.perf_counter())
            batch.created[name] = time.perf_counter()
            creating.append(asyncio.create_task(api.create(namespace, body)))
    finally:
        # Started creations finish, because the caller waits for every created notification.
        await asyncio.gather(*creating)
