"""Records Kubernetes Events in the background: through a bounded buffer, fair to namespaces, best effort.

An Event that repeats an earlier one of the same object adds to that Event's series.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter, OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import structlog

from notification_operator.kube.errors import KubeError, translated
from notification_operator.kube.event import GROUP, VERSION, Regarding
from notification_operator.kube.event_buffer import EventBuffer
from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from collections.abc import Mapping

    import prometheus_client
    from kubernetes.aio.client import ApiClient

    from notification_operator.kube.event import Event

BUFFER, PER_NAMESPACE = 1000, 100
"""Events that may wait to be posted, of all namespaces and of one."""
POSTERS: Final = 4
"""Events that are posted at once, each of another namespace."""
REMEMBERED: Final = 1000
"""Posted Events that are remembered, so that a repeat costs one call instead of two."""
RETRY_DELAYS = (1.0, 4.0)
"""Seconds before the second and the third attempt to post an Event."""
CALL_SECONDS, CLOSE_SECONDS = 5.0, 2.0
"""Time limits of one attempt, and of all pending Events at the stop."""

logger = structlog.get_logger(__name__)


class DropReason(StrEnum):
    """Why an Event was not posted; a label value of the metric."""

    BUFFER_FULL = "buffer_full"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStatistics:
    """Counts of Events since the start; `pending` are recorded and neither posted nor dropped yet."""

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


class EventRecorder:
    """Posts the Events of each namespace in order; drops and counts an Event that cannot be posted."""

    def __init__(self, client: ApiClient, *, instance: str, dropped: prometheus_client.Counter) -> None:
        self._client = client
        self._instance = instance
        self._dropped_metric = dropped
        self._buffer = EventBuffer(total=BUFFER, per_namespace=PER_NAMESPACE)
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()
        """How often each Event was posted, by namespace and name."""
        self._failing = False
        self._posted = 0
        self._dropped: Counter[DropReason] = Counter()
        self._tasks: list[asyncio.Task[None]] = []

    def statistics(self) -> EventStatistics:
        """Return the counts."""
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
        """Begin to post."""
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
        for number, delay in enumerate((*RETRY_DELAYS, None)):
            try:
                await self._attempt(event, repeated=number > 0)
            except KubeError as error:
                if delay is None or not error.transient:
                    self._give_up(event, error)
                    return
                await asyncio.sleep(delay)
            else:
                self._failing = False
                self._posted += 1
                return

    async def _attempt(self, event: Event, *, repeated: bool) -> None:
        with translated():
            async with asyncio.timeout(CALL_SECONDS):
                await self._send(event, repeated=repeated)

    async def _send(self, event: Event, *, repeated: bool) -> None:
        """Create the Event, or add to its series.

        In a repeated attempt an existing Event may be this very one, whose response was lost: it counts once.
        """
        key = (event.regarding.namespace, event.name)
        count = self._counts.get(key, 0)
        if not count and not await self._create(event) and not repeated:
            count = 1
        if count and not await self._add_to_series(event, count + 1):
            count = 0
            await self._create(event)
        self._counts[key] = count + 1
        self._counts.move_to_end(key)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    async def _create(self, event: Event) -> bool:
        """Create the Event; return False where one of its name exists."""
        try:
            await call(self._client, "POST", _path(event), body=event.body(self._instance))
        except KubeError as error:
            if not error.conflict:
                raise
            return False
        return True

    async def _add_to_series(self, event: Event, count: int) -> bool:
        """Set the count of the Event's series; return False where the Event no longer exists."""
        try:
            await call(
                self._client,
                "PATCH",
                f"{_path(event)}/{event.name}",
                body=event.series(count),
                content_type="application/merge-patch+json",
            )
        except KubeError as error:
            if not error.not_found:
                raise
            return False
        return True

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
