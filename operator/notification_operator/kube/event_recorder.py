"""Posts Kubernetes Events beside the work: through a bounded buffer, one at a time, best effort.

One that says what an earlier one said, of the same object, is that one once more: it adds to its series.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import OrderedDict
from typing import TYPE_CHECKING

import aiohttp
import structlog
from kubernetes.aio.client.exceptions import ApiException

from notification_operator.kube.event import GROUP, VERSION, Regarding
from notification_operator.kube.requests import call

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient
    from prometheus_client import Counter

    from notification_operator.kube.event import Event

NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS, SERVER_ERROR = 404, 409, 429, 500
BUFFER = 1000
"""Events that may wait to be posted."""
REMEMBERED = 1000
"""Events that are known to have been posted, so that a repeat costs one call instead of two."""
PAUSES = (1.0, 4.0)
"""Seconds before the API server is asked again to take an Event, and once more."""
CALL_SECONDS, CLOSE_SECONDS = 5.0, 2.0
"""Seconds for one call, and for all that still waits at the end."""

logger = structlog.get_logger(__name__)


def own_pod(namespace: str) -> Regarding:
    """Return the pod that this process runs in, for what is about no object but about the operator.

    Outside of a pod it is one of the machine's name, which there is not.
    """
    name = os.environ.get("POD_NAME") or socket.gethostname().lower()
    uid = os.environ.get("POD_UID", "")
    return Regarding(api_version="v1", kind="Pod", namespace=namespace, name=name, uid=uid)


class EventPoster:
    """Takes Events at any time and posts them in order; what it cannot post is counted and dropped."""

    def __init__(self, client: ApiClient, *, instance: str, dropped: Counter) -> None:
        self._client = client
        self._instance = instance
        self._dropped = dropped
        self._waiting: asyncio.Queue[Event] = asyncio.Queue(BUFFER)
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()
        """How often each Event was posted, by namespace and name."""
        self._failing = False
        self._unposted = 0
        """Events taken and neither posted nor dropped, the one under way included."""
        self._task: asyncio.Task[None] | None = None

    def post(self, event: Event) -> None:
        """Take an Event to be posted soon; never waits, never raises."""
        try:
            self._waiting.put_nowait(event)
            self._unposted += 1
        except asyncio.QueueFull:
            self._drop("buffer_full")

    def start(self) -> None:
        """Begin to post what is taken."""
        self._task = asyncio.create_task(self._run(), name="events")

    async def close(self, seconds: float) -> None:
        """Give what waits a moment more, never longer than so many seconds; then end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0.0), CLOSE_SECONDS)):
                await self._waiting.join()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while self._unposted:
            self._unposted -= 1
            self._drop("stopped")

    async def _run(self) -> None:
        while True:
            event = await self._waiting.get()
            try:
                await self._post(event)
            except Exception:
                logger.exception("an Event broke", reason=event.reason)
                self._drop("refused")
            self._unposted -= 1
            self._waiting.task_done()

    async def _post(self, event: Event) -> None:
        for number, pause in enumerate((*PAUSES, None)):
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await self._send(event, again=number > 0)
            except (ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
                if pause is None or not _passing(error):
                    self._give_up(event, error)
                    return
                await asyncio.sleep(pause)
            else:
                self._failing = False
                return

    async def _send(self, event: Event, *, again: bool) -> None:
        """Create the Event, or add to the one that there is; `again` where an answer may have been lost."""
        place = (event.regarding.namespace, event.name)
        posted = self._counts.get(place, 0)
        if not posted and not await self._create(event) and not again:
            posted = 1
        if posted and not await self._add_to_series(event, posted + 1):
            posted = 0
            await self._create(event)
        self._counts[place] = posted + 1
        self._counts.move_to_end(place)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    async def _create(self, event: Event) -> bool:
        """Create the Event; return False where there is one of its name."""
        body = event.body(self._instance)
        try:
            await call(self._client, "POST", _path(event), body=body)
        except ApiException as error:
            if error.status != CONFLICT:
                raise
            return False
        return True

    async def _add_to_series(self, event: Event, count: int) -> bool:
        """Count the Event once more; return False where it is no longer there."""
        try:
            await call(
                self._client,
                "PATCH",
                f"{_path(event)}/{event.name}",
                body=event.series(count),
                content_type="application/merge-patch+json",
            )
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
            return False
        return True

    def _give_up(self, event: Event, error: Exception) -> None:
        self._drop("unreachable" if _passing(error) else "refused")
        if not self._failing:
            self._failing = True
            about = f"{event.regarding.namespace}/{event.regarding.name}"
            text = " ".join(str(error).split()) or type(error).__name__
            logger.warning("Event not posted", about=about, reason=event.reason, error=text)

    def _drop(self, reason: str) -> None:
        self._dropped.labels(reason=reason).inc()


def _path(event: Event) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{event.regarding.namespace}/events"


def _passing(error: Exception) -> bool:
    """Return whether the same call may well succeed later."""
    if not isinstance(error, ApiException):
        return True
    return error.status == TOO_MANY_REQUESTS or (error.status or SERVER_ERROR) >= SERVER_ERROR
