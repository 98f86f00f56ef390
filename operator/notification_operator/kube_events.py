"""Kubernetes Events, posted beside the work: through a bounded buffer, one at a time, best effort.

One that says what an earlier one said, of the same object, is that one once more: it adds to its series.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from kubernetes.aio.client import CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException

if TYPE_CHECKING:
    from datetime import datetime

    from kubernetes.aio.client import ApiClient
    from prometheus_client import Counter

GROUP, VERSION = "events.k8s.io", "v1"
CONTROLLER = "kubernaut.ai/notification-operator"
NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS, SERVER_ERROR = 404, 409, 429, 500
BUFFER = 1000
"""Events that may wait to be posted."""
REMEMBERED = 1000
"""Events that are known to have been posted, so that a repeat costs one call instead of two."""
PAUSES = (1.0, 4.0)
"""Seconds before the API server is asked again to take an Event, and once more."""
CALL_SECONDS, CLOSE_SECONDS = 5.0, 2.0
"""Seconds for one call, and for all that still waits at the end."""
LONGEST_NOTE, LONGEST_NAME = 1024, 253
"""Bytes that the API server takes at most."""

logger = structlog.get_logger(__name__)


class Type(StrEnum):
    """Whether somebody may have to do something."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regarding:
    """The object that an Event is about; the Event lies in its namespace."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened to an object: `reason` in one word, `note` in a sentence, `action` as what was done."""

    regarding: Regarding
    type: Type
    reason: str
    action: str
    note: str
    at: datetime

    @property
    def name(self) -> str:
        """The name of the Event's object: the same wherever the same is said of the same object."""
        said = (self.regarding.uid, self.regarding.kind, self.type, self.reason, self.action, self.note)
        digest = hashlib.blake2b("\0".join(said).encode(errors="replace"), digest_size=8).hexdigest()
        room = LONGEST_NAME - len(digest) - 1
        return f"{self.regarding.name[:room].rstrip('-.')}.{digest}"


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
        self._api = CustomObjectsApi(client)
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
        for _ in range(self._unposted):
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
        for pause in (*PAUSES, None):
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await self._send(event)
            except (ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
                if pause is None or not _passing(error):
                    self._give_up(event, error)
                    return
                await asyncio.sleep(pause)
            else:
                self._failing = False
                return

    async def _send(self, event: Event) -> None:
        place = (event.regarding.namespace, event.name)
        posted = self._counts.pop(place, 0)
        if not posted and not await self._create(event):
            posted = 1
        if posted and not await self._add_to_series(event, posted + 1):
            posted = 0
            await self._create(event)
        self._counts[place] = posted + 1
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    async def _create(self, event: Event) -> bool:
        """Create the Event; return False where there is one of its name."""
        body = _body(event, self._instance)
        try:
            await self._api.create_namespaced_custom_object(
                GROUP, VERSION, event.regarding.namespace, "events", body
            )
        except ApiException as error:
            if error.status != CONFLICT:
                raise
            return False
        return True

    async def _add_to_series(self, event: Event, count: int) -> bool:
        """Count the Event once more; return False where it is no longer there."""
        body = {"series": {"count": count, "lastObservedTime": _time(event.at)}}
        try:
            await self._api.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                event.regarding.namespace,
                "events",
                event.name,
                body,
                _content_type="application/merge-patch+json",
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


def _passing(error: Exception) -> bool:
    """Return whether the same call may well succeed later."""
    if not isinstance(error, ApiException):
        return True
    return error.status == TOO_MANY_REQUESTS or (error.status or SERVER_ERROR) >= SERVER_ERROR


def _body(event: Event, instance: str) -> dict[str, Any]:
    about = event.regarding
    reference = {
        "apiVersion": about.api_version,
        "kind": about.kind,
        "namespace": about.namespace,
        "name": about.name,
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Event",
        "metadata": {"namespace": about.namespace, "name": event.name},
        "eventTime": _time(event.at),
        "type": event.type.value,
        "reason": event.reason,
        "action": event.action,
        "note": _cut(event.note),
        "regarding": reference | ({"uid": about.uid} if about.uid else {}),
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _cut(note: str) -> str:
    """Return a note that is not too long for the API server, which counts bytes."""
    raw = note.encode(errors="replace")
    if len(raw) <= LONGEST_NOTE:
        return raw.decode()
    return raw[: LONGEST_NOTE - len("…".encode())].decode(errors="ignore") + "…"
