"""Settings that make kopf watch and do nothing else: it stores nothing, posts nothing, scans nothing, gives up nothing.

The storages do nothing on purpose. Kopf's own ones write annotations, which DD-PERF-001 forbids, and copy each
object several times per event, although no handler asks for a difference.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import kopf
from kopf._cogs.clients import fetching, scanning, watching
from kopf._core.reactor import inventory

from notification_operator.kube.pagination import lists

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterator, Sequence

    from kopf._cogs.structs import references
    from kubernetes.aio.client import ApiClient

    from atomic_status import Resource
    from notification_contract.settings import Watch
    from notification_operator.watch.field_selector import OpenSelector
    from notification_operator.watch.supervisor import WatchSupervisor

EMPTY = kopf.BodyEssence({})
IDLE_SECONDS = 0.05
"""Seconds for which kopf keeps the worker and the last body of an object after its last event."""
CONNECT_SECONDS = 60.0
"""Time limit for the start of a watch."""
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


class NoMemories(inventory.ResourceMemories):
    """Remembers nothing about an object: event handlers have no memory, and there may be 100,000 objects."""

    async def recall(self, raw_body: kopf.RawBody, **options: Any) -> inventory.ResourceMemory:  # noqa: ANN401
        """Return a new memory, which ends with the event."""
        return await super().recall(raw_body, **{**options, "ephemeral": True})


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
    settings.networking.request_timeout = CONNECT_SECONDS
    # Kopf's own retries end, and then it ends the process. The supervisor retries instead.
    settings.networking.error_backoffs = ()
    if watch.namespace_selector is not None:
        settings.watching.label_selectors["v1", "namespaces"] = watch.namespace_selector
    return settings


@contextmanager
def supervised(
    supervisor: WatchSupervisor, resource: Resource, selector: OpenSelector, client: ApiClient
) -> Iterator[None]:
    """Let kopf's watches be restarted by a supervisor, list in bounded pages, and assume that the kind is served.

    Kopf has no public extension point for these. It ends the process when a watch fails, waits without end when the
    kind is not served at its start (DD-WATCH-002), and holds pages of whole objects, whatever their size (DD-BOUNDS-001).
    """
    follow, fetch, scan = watching.continuous_watch, fetching.fetch_objs, scanning.scan_resources
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

    async def fetch_pages(
        *,
        settings: kopf.OperatorSettings,
        resource: kopf.Resource,
        namespace: references.Namespace,
        **_: object,
    ) -> AsyncGenerator[tuple[Sequence[Any], str], None]:
        chosen = settings.watching
        selectors = {
            "labelSelector": ",".join(chosen.label_selectors.collect(resource)),
            "fieldSelector": ",".join(chosen.field_selectors.collect(resource)),
        }
        query = {name: text for name, text in selectors.items() if text}
        # Without a field selector, the handler itself looks at the phase.
        pages = lists(client, resource.get_url(namespace=namespace), query, metadata_only=bool(query))
        async for page in pages:
            yield page["items"], page["metadata"]["resourceVersion"]

    async def known_kinds(**_: object) -> Collection[kopf.Resource]:
        # Kopf relies on the time that discovery takes: a result that is too early is not noticed.
        for _step in range(STEPS):
            await asyncio.sleep(0)
        return kinds

    watching.continuous_watch, fetching.fetch_objs = follow_supervised, fetch_pages
    scanning.scan_resources = known_kinds
    try:
        yield
    finally:
        watching.continuous_watch, fetching.fetch_objs = follow, fetch
        scanning.scan_resources = scan


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
