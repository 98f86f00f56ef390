"""Kopf in a thread of its own, with an event handler that records, on a server of the test."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from notification_operator.controller.attempt_tracker import AttemptTracker
from notification_operator.controller.workqueue import WorkQueue
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.watch.notifications import EventHandler
from notification_runtime.telemetry.metrics import Metrics
from tests.unit.operator.kopf_here import KopfHere
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from notification_domain.key import Key
    from notification_operator.watch.notifications import Listing
    from tests.unit.operator.notifications_api import NotificationsApi


class RecordingListing:
    """A listing that reports its end."""

    def __init__(
        self, listing: Listing[Key], record: Callable[[Mapping[str, Any]], None], ended: Callable[[], None]
    ) -> None:
        self._listing = listing
        self._record = record
        self._ended = ended

    def add(self, obj: Mapping[str, Any]) -> bool:
        self._record(obj)
        return self._listing.add(obj)

    def complete(self) -> None:
        self._listing.complete()
        self._ended()


class RecordingHandler:
    """An event handler on a queue that reconciles nothing; it records the events."""

    def __init__(self) -> None:
        self.kopf: KopfHere
        self.running: asyncio.Task[None]
        """Ends when kopf ends."""
        self.loop = asyncio.get_running_loop()
        self.events: list[tuple[str | None, str]] = []
        self.handled_by_kopf: list[tuple[str | None, str]] = []
        self.objects: list[Any] = []
        """The objects of the events."""
        self.listings: list[str | None] = []
        """The namespace of each complete listing."""
        self.queue = WorkQueue(workers=1, clock=lambda: datetime.now(UTC))
        self._handler = EventHandler(
            self.queue,
            attempts=AttemptTracker(on_finished=self.queue.add),
            may_record=lambda _uid: True,
            metrics=Metrics(),
            served=AllNamespaces(),
            leave=lambda _key: None,
        )

    @property
    def names(self) -> list[str]:
        """The names of the objects in the queue."""
        return sorted(key.name for key in self.queue.keys)

    def handle(self, event_type: str | None, obj: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self._record(event_type, obj)
        self.handled_by_kopf.append(self.events[-1])
        self._handler.handle(event_type, obj)

    def forget_ended(self, event_type: str | None, obj: Any) -> bool:
        forgotten = self._handler.forget_ended(event_type, obj)
        if forgotten:
            self._record(event_type, obj)
        return forgotten

    def _record(self, event_type: str | None, obj: Any) -> None:
        self.events.append((event_type, obj["metadata"]["name"]))
        self.objects.append(obj)

    def begin_listing(self, namespace: str | None) -> RecordingListing:
        return RecordingListing(
            self._handler.begin_listing(namespace),
            partial(self._record, None),
            partial(self.listings.append, namespace),
        )


@contextlib.asynccontextmanager
async def kopf_at(api: NotificationsApi, **options: Any) -> AsyncIterator[RecordingHandler]:
    """Let kopf watch the server, with the operator's own handlers, settings and supervisor."""

    async def nothing() -> None:
        pass

    handler, stop = RecordingHandler(), threading.Event()
    handler.kopf = KopfHere(url=api.url, stop_flag=stop, handler=handler, stop=nothing, **options)
    # On a loop of its own: at its end kopf waits for every other task of the loop, the server's among them.
    handler.running = asyncio.create_task(asyncio.to_thread(asyncio.run, handler.kopf.run()))
    await until(lambda: hasattr(handler.kopf, "supervisor"))
    try:
        yield handler
    finally:
        stop.set()
        await handler.running
