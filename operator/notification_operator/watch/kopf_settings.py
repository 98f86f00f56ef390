"""Settings that make kopf watch and do nothing else: it stores nothing, posts nothing, scans nothing, gives up nothing.

The storages do nothing on purpose. Kopf's own ones write annotations, which DD-PERF-001 forbids, and copy each
object several times per event, although no handler asks for a difference.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import kopf
from kopf._cogs.clients import scanning, watching

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterator

    from kopf._cogs.structs import references

    from atomic_status import Resource
    from notification_contract.settings import Watch
    from notification_operator.watch.field_selector import OpenSelector
    from notification_operator.watch.supervisor import WatchSupervisor

EMPTY = kopf.BodyEssence({})
IDLE_SECONDS = 0.05
"""Seconds for which kopf keeps the worker and the last body of an object after its last event."""
PAGE = 500
"""Objects per page of a listing; a whole listing may not fit into memory."""
PAGE_SECONDS = 60.0
"""Time limit of one page."""
STEPS = 100
"""Iterations of the event loop in which kopf's tasks are ready for the kinds; they need about ten."""
VERBS = frozenset({"list", "watch", "patch"})
"""The verbs that kopf requires of a kind before it watches it."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last-seen state: no handler uses differences."""

    def build(self, **_: object) -> kopf.BodyEssence:
        """Return nothing to compare."""
        return EMPTY

    def fetch(self, **_: object) -> kopf.BodyEssence:
        """Return the same, which ends the comparison."""
        return EMPTY

    def store(self, **_: object) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Keeps no progress: event handlers have none."""

    def fetch(self, **_: object) -> None:
        """Return no progress."""

    def store(self, **_: object) -> None:
        """Store nothing."""

    def purge(self, **_: object) -> None:
        """Purge nothing."""

    def touch(self, **_: object) -> None:
        """Touch nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return the essence as it is."""
        return essence


def kopf_settings(watch: Watch) -> kopf.OperatorSettings:
    """Return kopf's settings for an operator that only watches."""
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    # Both need permissions, and the second one makes an API call per log line.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    # Kopf keeps a task per object for this long after its last event; at hundreds per second they add up.
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.watching.chunk_size = PAGE
    settings.networking.request_timeout = PAGE_SECONDS
    # Kopf's own retries end, and then it ends the process. The supervisor retries instead.
    settings.networking.error_backoffs = ()
    if watch.namespace_selector is not None:
        settings.watching.label_selectors["v1", "namespaces"] = watch.namespace_selector
    return settings


@contextmanager
def supervised(supervisor: WatchSupervisor, resource: Resource, selector: OpenSelector) -> Iterator[None]:
    """Let kopf's watches be restarted by a supervisor, and let kopf assume that the kind is served.

    Kopf has no public extension point for either, and it ends the process when a watch fails, or waits without end
    when the kind is not served at its start (DD-WATCH-002).
    """
    follow, scan = watching.continuous_watch, scanning.scan_resources
    watched = resource.group, resource.version, resource.plural
    kinds = (
        _kind("", "v1", "namespaces", "Namespace", namespaced=False),
        _kind(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            namespaced=False,
        ),
        _kind(resource.group, resource.version, resource.plural, "NotificationRequest", namespaced=True),
    )

    async def follow_supervised(
        *,
        settings: kopf.OperatorSettings,
        resource: kopf.Resource,
        namespace: references.Namespace,
        **more: Any,  # noqa: ANN401 - kopf's further arguments are passed on
    ) -> AsyncGenerator[Any, None]:
        path = resource.get_url(namespace=namespace)
        settings.watching.field_selectors[watched] = selector.text
        stream = follow(settings=settings, resource=resource, namespace=namespace, **more)
        async for event in supervisor.follow(path, stream, listed=watching.Bookmark.LISTED):
            yield event

    async def known_kinds(**_: object) -> Collection[kopf.Resource]:
        # Kopf relies on the time that discovery takes: a result that is too early is not noticed.
        for _step in range(STEPS):
            await asyncio.sleep(0)
        return kinds

    watching.continuous_watch, scanning.scan_resources = follow_supervised, known_kinds
    try:
        yield
    finally:
        watching.continuous_watch, scanning.scan_resources = follow, scan


def _kind(group: str, version: str, plural: str, kind: str, *, namespaced: bool) -> kopf.Resource:
    return kopf.Resource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        singular=kind.lower(),
        namespaced=namespaced,
        verbs=VERBS,
    )
