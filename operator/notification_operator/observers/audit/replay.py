"""Sends the audit events of finished notifications again, for `audit-replay`.

An event is a function of the status, so it has the same id as the first time, and the store skips an id that it has
(DD-AUDIT-001). Its data says that the status is its source: a forged status makes forged events (DD-AUDIT-002).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry

from notification_domain import audit_events as audit
from notification_domain.model import parse
from notification_domain.redaction.redact import redact_content
from notification_domain.redaction.redactor import rules
from notification_domain.status import FINAL, phase_of
from notification_operator.observers.audit.observer import audit_store, final_kinds
from notification_operator.observers.audit.writer import AuditWriter
from notification_runtime.kube.client import Connectivity, connect
from notification_runtime.kube.objects import RESOURCE, KubeObjects
from notification_runtime.kube.requests import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from notification_contract.kinds.choices import Phase
    from notification_domain.redaction.redact import Rules
    from notification_operator.observers.audit.store import AuditStore
    from notification_runtime.settings import Settings

POLL_SECONDS = 0.05
SOURCE = {"source": "status"}
"""The entry of `event_data` that an event of the operator itself does not have."""
SELECTED_SECONDS = 30.0
"""Time limit for the list of selected namespaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which notifications are replayed."""

    namespaces: Sequence[str] = ()
    """Empty for those that the operator watches."""
    since: datetime | None = None
    """The earliest completion time."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """The counts of a replay."""

    notifications: int = 0
    events: int = 0
    written: int = 0
    lost: int = 0


class StalledError(Exception):
    """The audit store has accepted no event for too long."""


class Destination:
    """The audit store, with the batches, delays and limits of the operator itself.

    Args:
        store: the audit store.
        batch_size: the maximum number of events per request.
        patience: seconds without an accepted event after which the replay ends.
    """

    def __init__(self, store: AuditStore, *, batch_size: int, patience: float) -> None:
        self._store = store
        self._patience = patience
        self._writer = AuditWriter(
            store,
            CollectorRegistry(),
            capacity=2 * batch_size,
            batch_size=batch_size,
            flush_seconds=POLL_SECONDS,
        )
        self._writer.start()

    async def send(self, events: Iterable[bytes], progress: Progress) -> None:
        """Add events to the buffer; where they do not fit, wait until the store has accepted what is pending.

        Raises:
            StalledError: the store has accepted nothing for too long.
        """
        for event in events:
            if not self._writer.fits(event):
                await self.drain(progress)
            self._writer.add(event)

    async def close(self) -> None:
        """Close the connections; whatever is still pending is lost."""
        await self._writer.close(0)
        await self._store.close()

    async def drain(self, progress: Progress) -> None:
        """Wait until no event is pending.

        Raises:
            StalledError: the store has accepted nothing for too long.
        """
        loop = asyncio.get_running_loop()
        pending, since = self._writer.pending, loop.time()
        while self._writer.pending:
            await asyncio.sleep(POLL_SECONDS)
            if self._writer.pending < pending:
                pending, since = self._writer.pending, loop.time()
            elif loop.time() - since > self._patience:
                raise StalledError(f"the audit store has accepted no event for {self._patience:g} s")
        statistics = self._writer.statistics()
        progress.written, progress.lost = statistics.written, statistics.dropped


async def replay(
    listing: AsyncIterator[Sequence[Mapping[str, Any]]],
    destination: Destination | None,
    *,
    events_of: Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]],
    report: Callable[[Progress], None],
) -> Progress:
    """Send the events of the finished notifications in a listing; report after each page. None sends nothing.

    Raises:
        KubeError: the API server failed.
        StalledError: the store has accepted nothing for too long.
    """
    progress = Progress()
    async for page in listing:
        for obj in page:
            events = [orjson.dumps(event) for event in events_of(obj)]
            progress.notifications += bool(events)
            progress.events += len(events)
            if destination is not None:
                await destination.send(events, progress)
        if destination is not None:
            await destination.drain(progress)
        report(progress)
    return progress


async def run(
    settings: Settings,
    selection: Selection,
    *,
    dry_run: bool,
    patience: float,
    report: Callable[[Progress], None],
) -> Progress:
    """Replay from the cluster that the operator would work on.

    Raises:
        KubeError: the API server cannot be reached, or refused the listing.
        StalledError: the store has accepted nothing for too long.
    """
    cluster = await connect(Connectivity(), pool=2)
    target = None
    if not dry_run:
        store = audit_store(settings.audit)
        target = Destination(store, batch_size=settings.audit.batch_size, patience=patience)
    try:
        async with ApiClient(cluster.configuration) as client:
            return await replay(
                _listing(client, await _namespaces(client, settings, selection)),
                target,
                events_of=partial(
                    _events,
                    since=selection.since,
                    rules=rules(settings.sanitizer),
                    kinds=final_kinds(settings.audit),
                ),
                report=report,
            )
    finally:
        if target:
            await target.close()


def _events(
    obj: Mapping[str, Any], *, since: datetime | None, rules: Rules, kinds: Mapping[Phase, audit.Kind]
) -> Iterator[dict[str, Any]]:
    """Return the events of an object; none for one that is not finished, or finished too early."""
    if phase_of(obj) not in FINAL:
        return iter(())
    notification = parse(obj)
    completed = notification.status.completed_at
    if since is not None and (completed is None or completed < since):
        return iter(())
    content = redact_content(notification.content, rules)
    events = audit.all_events(notification, content=content, final_kinds=kinds)
    return ({**event, "event_data": event["event_data"] | SOURCE} for event in events)


async def _namespaces(client: ApiClient, settings: Settings, selection: Selection) -> Sequence[str | None]:
    """Return the namespaces to list; None stands for all of them."""
    watch = settings.watch
    if chosen := selection.namespaces or watch.namespaces:
        return tuple(chosen)
    if watch.namespace_selector is None:
        return (None,)
    query = {"labelSelector": watch.namespace_selector}
    listed = await call(client, "GET", "/api/v1/namespaces", query=query, seconds=SELECTED_SECONDS)
    return [item["metadata"]["name"] for item in listed["items"]]


async def _listing(
    client: ApiClient, namespaces: Sequence[str | None]
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Yield all notifications; a replay that takes longer than the API server holds a version goes on with a later one."""
    objects = KubeObjects(client, RESOURCE)
    for namespace in namespaces:
        async for page in objects.inconsistent_pages(namespace):
            yield page
