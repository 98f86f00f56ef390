"""Kubernetes Events: values that are posted in the background, through a bounded buffer, fair to namespaces, best effort.

Events are created and never changed, so the operator needs no permission to change those of others. Of an Event that repeats
itself, the occurrences 1, 2, 4, 8 and so on are created, and one after each `QUIET`; each says how many there were.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract import names
from notification_runtime.fair.fair_queue import FairQueue
from notification_runtime.fair.lru import LruMap
from notification_runtime.kube.requests import KubeError, call, translated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import prometheus_client
    from kubernetes.aio.client import ApiClient

logger = structlog.get_logger(__name__)

GROUP, VERSION = "events.k8s.io", "v1"
MAX_NOTE, MAX_NAME, MAX_INSTANCE = 1024, 253, 128
"""Bytes that the API server accepts."""
BUFFER, PER_NAMESPACE = 1000, 100
"""Events that may wait to be posted, of all namespaces and of one."""
POSTERS: Final = 4
"""Events that are posted at once, each of another namespace."""
REMEMBERED: Final = 1000
"""Events whose repetitions are counted."""
QUIET: Final = timedelta(minutes=30)
"""After this time a repeated Event is created again; the API server keeps Events for an hour."""
RETRY_DELAYS = (1.0, 4.0)
"""Seconds before the second and the third attempt to post an Event."""
CALL_SECONDS, CLOSE_SECONDS = 5.0, 2.0
"""Time limits of one attempt, and of all pending Events at the stop."""


class EventType(StrEnum):
    """Whether an Event may call for action."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regarding:
    """The object that an Event is about; the Event is created in its namespace."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An occurrence about an object: `reason` and `action` are one word each, `note` is a sentence."""

    regarding: Regarding
    type: EventType
    reason: str
    action: str
    note: str
    at: datetime

    @property
    def content(self) -> str:
        """A digest of everything but the time; equal for Events that repeat each other."""
        parts = (self.regarding.uid, self.regarding.kind, self.type, self.reason, self.action, self.note)
        return _digest(*parts)

    @property
    def name(self) -> str:
        """The name of the Event's object; equal only for the same occurrence."""
        digest = _digest(self.content, self.at.isoformat())
        length = MAX_NAME - len(digest) - 1
        return f"{self.regarding.name[:length].rstrip('-.')}.{digest}"

    def body(self, instance: str, *, count: int = 1) -> dict[str, Any]:
        """Return the object to create.

        Args:
            instance: the process that posts it.
            count: the number of occurrences so far, this one included.
        """
        regarding = self.regarding
        reference = {
            "apiVersion": regarding.api_version,
            "kind": regarding.kind,
            "namespace": regarding.namespace,
            "name": regarding.name,
        }
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Event",
            "metadata": {"namespace": regarding.namespace, "name": self.name},
            "eventTime": _micro_time(self.at),
            "type": self.type.value,
            "reason": self.reason,
            "action": self.action,
            "note": _truncate(self.note),
            "regarding": reference | ({"uid": regarding.uid} if regarding.uid else {}),
            "reportingController": names.CONTROLLER,
            "reportingInstance": instance[:MAX_INSTANCE],
            **({"series": {"count": count, "lastObservedTime": _micro_time(self.at)}} if count > 1 else {}),
        }


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=8).hexdigest()


def _micro_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _truncate(note: str) -> str:
    """Return a note within the API server's limit, which counts bytes."""
    raw = note.encode(errors="replace")
    if len(raw) <= MAX_NOTE:
        return raw.decode()
    return raw[: MAX_NOTE - len("…".encode())].decode(errors="ignore") + "…"


class EventBuffer:
    """Events that wait to be posted, in order within a namespace.

    Namespaces take turns, and each has at most one Event in flight: a slow or busy one delays no other.

    Args:
        total: Events that may wait.
        per_namespace: Events of one namespace that may wait.
    """

    def __init__(self, *, total: int, per_namespace: int) -> None:
        self._total = total
        self._per_namespace = per_namespace
        self._waiting: FairQueue[tuple[int, Event]] = FairQueue()
        """The number tells equal Events apart."""
        self._numbers = count()
        self._in_flight: set[str] = set()
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def pending(self) -> int:
        """Events that wait or are in flight."""
        return len(self._waiting) + len(self._in_flight)

    def put(self, event: Event) -> bool:
        """Add an Event; return whether one had to be dropped: this one, or the newest of the longest queue."""
        namespace = event.regarding.namespace
        if len(self._waiting.line(namespace)) >= self._per_namespace:
            return True
        full = len(self._waiting) >= self._total
        if full:
            newest = next(self._waiting.displaceable(namespace), None)
            if newest is None:
                return True
            self._waiting.discard(newest[1].regarding.namespace, newest)
        self._waiting.add(namespace, (next(self._numbers), event))
        self._idle.clear()
        self._news.set()
        return full

    async def take(self) -> Event:
        """Wait for the next Event; it is in flight until `done`."""
        while (event := self._next()) is None:
            self._news.clear()
            await self._news.wait()
        return event

    def done(self, event: Event) -> None:
        """End the flight of an Event that was taken."""
        self._in_flight.discard(event.regarding.namespace)
        self._news.set()
        if not self.pending:
            self._idle.set()

    async def idle(self) -> None:
        """Return when no Event waits or is in flight."""
        await self._idle.wait()

    def clear(self) -> int:
        """Drop every Event; return how many they were."""
        pending = self.pending
        self._waiting = FairQueue()
        self._in_flight.clear()
        self._idle.set()
        return pending

    def _next(self) -> Event | None:
        free = (name for name, _ in self._waiting.heads() if name not in self._in_flight)
        namespace = next(free, None)
        if namespace is None:
            return None
        self._in_flight.add(namespace)
        _, event = self._waiting.pop(namespace)
        return event


class DropReason(StrEnum):
    """Why an Event was not posted; a label value of the metric."""

    BUFFER_FULL = "buffer_full"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStatistics:
    """Counts of Events since the start; `pending` are recorded and neither posted nor dropped yet.

    A repetition that is only counted is among the `posted`.
    """

    pending: int
    posted: int
    dropped: Mapping[DropReason, int]


def own_pod(namespace: str) -> Regarding:
    """Return the pod of this process, which Events about the operator itself regard.

    Outside a pod the host name stands in for it.
    """
    name = os.environ.get("POD_NAME") or socket.gethostname().lower()
    uid = os.environ.get("POD_UID", "")
    return Regarding(api_version="v1", kind="Pod", namespace=namespace, name=name, uid=uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """The occurrences of one Event, and the time of the one that was created last."""

    count: int = 0
    created: datetime | None = None

    def next(self, at: datetime) -> _Series:
        """Return the series with one more occurrence, which is created unless it follows the last one closely."""
        count = self.count + 1
        rare = self.created is None or at - self.created >= QUIET
        return _Series(count=count, created=at if rare or count.bit_count() == 1 else self.created)


class EventRecorder:
    """Posts the Events of each namespace in order; drops and counts an Event that cannot be posted."""

    def __init__(self, client: ApiClient, *, instance: str, dropped: prometheus_client.Counter) -> None:
        self._client = client
        self._instance = instance
        self._dropped_metric = dropped
        self._buffer = EventBuffer(total=BUFFER, per_namespace=PER_NAMESPACE)
        self._series: LruMap[tuple[str, str], _Series] = LruMap(REMEMBERED)
        """The repeated Events, by namespace and content."""
        self._failing = False
        self._posted = 0
        self._dropped: Counter[DropReason] = Counter()
        self._tasks: list[asyncio.Task[None]] = []

    def statistics(self) -> EventStatistics:
        return EventStatistics(pending=self._buffer.pending, posted=self._posted, dropped=dict(self._dropped))

    @property
    def tasks(self) -> Mapping[str, bool]:
        """Whether each task is running, by name; empty before the start."""
        return {task.get_name(): not task.done() for task in self._tasks}

    def record(self, event: Event) -> None:
        """Enqueue an Event; never waits, never raises."""
        try:
            dropped = self._buffer.put(event)
        except Exception:
            logger.exception("cannot build Event", reason=event.reason)
            self._drop(DropReason.REFUSED)
        else:
            if dropped:
                self._drop(DropReason.BUFFER_FULL)

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._run(), name=f"event recorder {number}") for number in range(POSTERS)
        ]

    async def close(self, seconds: float) -> None:
        """Post the pending Events for so many seconds, at most `CLOSE_SECONDS`; then stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0.0), CLOSE_SECONDS)):
                await self._buffer.idle()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(self._buffer.clear()):
            self._drop(DropReason.STOPPED)

    async def _run(self) -> None:
        while True:
            event = await self._buffer.take()
            try:
                await self._post(event)
            except Exception:
                logger.exception("cannot build Event", reason=event.reason)
                self._drop(DropReason.REFUSED)
            self._buffer.done(event)

    async def _post(self, event: Event) -> None:
        key = (event.regarding.namespace, event.content)
        series = self._series.get(key, _Series()).next(event.at)
        if series.created == event.at and not await self._created(event, series.count):
            return
        self._posted += 1
        self._series.put(key, series)

    async def _created(self, event: Event, count: int) -> bool:
        """Create the Event; return False where that has failed for good."""
        for delay in (*RETRY_DELAYS, None):
            try:
                await self._create(event, count)
            except KubeError as error:
                if delay is None or not error.transient:
                    self._give_up(event, error)
                    return False
                await asyncio.sleep(delay)
            else:
                break
        self._failing = False
        return True

    async def _create(self, event: Event, count: int) -> None:
        """Create the Event. One of its name is this very occurrence, whose response was lost."""
        body = event.body(self._instance, count=count)
        with translated():
            async with asyncio.timeout(CALL_SECONDS):
                try:
                    await call(self._client, "POST", _path(event), body=body)
                except KubeError as error:
                    if not error.conflict:
                        raise

    def _give_up(self, event: Event, error: KubeError) -> None:
        self._drop(DropReason.UNREACHABLE if error.transient else DropReason.REFUSED)
        if not self._failing:
            self._failing = True
            regarding = f"{event.regarding.namespace}/{event.regarding.name}"
            logger.warning("cannot post Event", regarding=regarding, reason=event.reason, error=str(error))

    def _drop(self, reason: DropReason) -> None:
        self._dropped[reason] += 1
        self._dropped_metric.labels(reason=reason.value).inc()


def _path(event: Event) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{event.regarding.namespace}/events"
