"""Every seam to kopf, which watches and does nothing else: it stores, posts and scans nothing, and gives up nothing.

Only `kopf.on.event` handles objects. Kopf's other handlers and its storages write annotations or finalizers, and nothing
but the one status write may change a notification (DD-PERF-001).
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import kopf
import structlog
from kopf._cogs.clients import fetching, scanning, watching
from kopf._core.reactor import inventory

from notification_operator.watch.namespaces import SelectedNamespaces
from notification_operator.watch.notifications import OPEN
from notification_operator.watch.supervisor import SupervisedWatch, WatchSupervisor
from notification_runtime.kube.client import watching_session
from notification_runtime.kube.collection_watch import ServedKind
from notification_runtime.kube.objects import METADATA_LIST, RESOURCE, TABLE, Rows, collection, lists

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterator, Sequence

    from aiohttp import ClientSession
    from kopf._cogs.structs import references
    from kubernetes.aio.client import ApiClient

    from notification_contract.settings import Watch
    from notification_operator.watch.namespaces import AllNamespaces
    from notification_operator.watch.notifications import EventHandler
    from notification_runtime.kube.client import Cluster, Connectivity

EMPTY = kopf.BodyEssence({})
IDLE_SECONDS = 0.05
"""Seconds for which kopf keeps the worker and the last body of an object after its last event."""
CONNECT_SECONDS = 60.0
"""Time limit for the start of a watch."""
STEPS = 100
"""Iterations of the event loop in which kopf's tasks are ready for the kinds; they need about ten."""
VERBS = frozenset({"list", "watch", "patch"})
"""The verbs that kopf requires of a kind before it watches it."""
KOPF_ENDS_WITHIN = 0.5
"""Seconds after the app's shutdown. Kopf waits five seconds for leftover tasks, more than the grace period holds."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = structlog.get_logger(__name__)


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
    settings.watching.field_selectors[RESOURCE.group, RESOURCE.version, RESOURCE.plural] = OPEN
    if watch.namespace_selector is not None:
        settings.watching.label_selectors["v1", "namespaces"] = watch.namespace_selector
    return settings


class KopfWatch:
    """The watches of notifications, and of namespaces if a label selects them: kopf keeps them, supervised.

    Args:
        watch: the settings.
        client: for listings; the watches have a session of their own.
        event_handler: is called with each event of a notification.
        namespaces: those whose notifications are watched.
        on_unavailable: called with a namespace that has been refused for long, and with the error.
    """

    def __init__(  # noqa: PLR0913 - its connections, and whom it informs
        self,
        watch: Watch,
        *,
        client: ApiClient,
        cluster: Cluster,
        connectivity: Connectivity,
        event_handler: EventHandler,
        namespaces: AllNamespaces | SelectedNamespaces,
        on_unavailable: Callable[[str, str], None],
    ) -> None:
        self._watch = watch
        self._client = client
        self._cluster = cluster
        self._connectivity = connectivity
        self._event_handler = event_handler
        self._namespaces = namespaces
        watched = tuple(dict.fromkeys(watch.namespaces)) or (None,)
        supervised_watches = [
            SupervisedWatch(path=collection(RESOURCE, namespace), namespace=namespace)
            for namespace in watched
        ]
        if isinstance(namespaces, SelectedNamespaces):
            supervised_watches.append(SupervisedWatch(path="/api/v1/namespaces", of_notifications=False))
        self.supervisor = WatchSupervisor(
            supervised_watches,
            served=ServedKind(client, RESOURCE),
            connectivity=connectivity,
            notifications=event_handler,
            namespaces=namespaces if isinstance(namespaces, SelectedNamespaces) else None,
            on_unavailable=on_unavailable,
        )
        self._session: ClientSession | None = None
        """The session of the watches, once there is one. Kopf closes a session only after its first request."""

    async def run(self, registry: kopf.OperatorRegistry, stop_flag: asyncio.Event | threading.Event) -> None:
        """Watch until the flag is set."""
        with _supervised(self.supervisor, self._client, self._event_handler):
            await kopf.operator(
                registry=registry,
                settings=kopf_settings(self._watch),
                memories=NoMemories(),
                stop_flag=stop_flag,
                standalone=True,
                clusterwide=not self._watch.namespaces,
                namespaces=set(self._watch.namespaces),
            )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def handlers(self, *, stop: Callable[[], Coroutine[None, None, None]]) -> kopf.OperatorRegistry:
        """Return kopf's handlers; `stop` stops the operator, before kopf cancels every task that is left."""
        registry, namespaces = kopf.OperatorRegistry(), self._namespaces

        @kopf.on.login(registry=registry)
        async def login(**_: object) -> kopf.AiohttpSession:
            self._session = await watching_session(self._cluster, self._connectivity, media_type=TABLE)
            server = self._cluster.configuration.host
            return kopf.AiohttpSession(server=server, aiohttp_session=self._session)

        @kopf.on.event(RESOURCE.group, RESOURCE.version, RESOURCE.plural, registry=registry)
        async def enqueue(type: str | None, event: kopf.RawEvent, **_: object) -> None:  # noqa: A002 - kopf's name
            self._event_handler.handle(type, event["object"])

        @kopf.on.cleanup(registry=registry)
        async def end(**_: object) -> None:
            if isinstance(namespaces, SelectedNamespaces):
                namespaces.close()
            # In kopf's cleanup, because kopf cancels every leftover task when it ends. And in a task of its own:
            # kopf has cancelled this one before, and timeouts fail in such a task before Python 3.11.3.
            await asyncio.create_task(stop(), name="stop")

        if isinstance(namespaces, SelectedNamespaces):

            @kopf.on.event("v1", "namespaces", registry=registry)
            async def select(type: str | None, name: str, **_: object) -> None:  # noqa: A002 - kopf's name
                namespaces.note(type, name, self._event_handler)

        return registry


def end_at_signals(registry: kopf.OperatorRegistry, stopping: asyncio.Event) -> None:
    """Let the first SIGTERM or SIGINT stop kopf, and further ones do nothing.

    Kopf's own handlers raise an error at the second signal. Kopf installs them right after it has started its startup
    handlers, so they are replaced one step later.
    """

    @kopf.on.startup(registry=registry)
    async def take_over(**_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.call_soon(loop.add_signal_handler, number, stopping.set)


def ignore_signals() -> None:
    """Let no late signal kill the process: it would report a failure although the shutdown has finished."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


async def listen(operator: Coroutine[None, None, None], finished: asyncio.Event) -> None:
    """Run kopf until it ends, at most for a moment after the app has finished."""
    listening = asyncio.create_task(operator, name="kopf")
    stopped = asyncio.create_task(finished.wait(), name="end of the app")
    try:
        await asyncio.wait({listening, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({listening}, timeout=KOPF_ENDS_WITHIN if finished.is_set() else None)
        if not listening.done():
            logger.warning("tasks left after shutdown", tasks=sorted(map(_describe, asyncio.all_tasks())))
    finally:
        stopped.cancel()
        listening.cancel()
        await asyncio.wait({listening})
    if not listening.cancelled():
        listening.result()


def _describe(task: asyncio.Task[object]) -> str:
    return f"{task.get_name()}: {task.get_coro()!r}"


@contextmanager
def _supervised(
    supervisor: WatchSupervisor, client: ApiClient, notifications: EventHandler
) -> Iterator[None]:
    """Let kopf's watches be restarted by a supervisor, list in bounded pages, and assume that the kind is served.

    An event that only ends a notification stays out of kopf's queue: each notification has one, and kopf's task for it would cost
    as much as that for the first.

    Kopf has no public extension point for these. It ends the process when a watch fails, waits without end when the
    kind is not served at its start (DD-WATCH-002), and holds pages of whole objects, whatever their size (DD-BOUNDS-001).
    """
    follow, fetch, scan = watching.continuous_watch, fetching.fetch_objs, scanning.scan_resources
    kinds = (
        _kind("", "v1", "namespaces", "Namespace", namespaced=False),
        _kind(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            namespaced=False,
        ),
        _kind(RESOURCE.group, RESOURCE.version, RESOURCE.plural, "NotificationRequest", namespaced=True),
    )

    async def follow_supervised(
        *,
        settings: kopf.OperatorSettings,
        resource: kopf.Resource,
        namespace: references.Namespace,
        **more: Any,  # noqa: ANN401 - kopf's further arguments are passed on
    ) -> AsyncGenerator[Any, None]:
        path = resource.get_url(namespace=namespace)
        stream, rows = follow(settings=settings, resource=resource, namespace=namespace, **more), Rows()
        async for each in supervisor.follow(path, stream, listed=watching.Bookmark.LISTED):
            event = _with_object(each, rows)
            of_notification = isinstance(event, dict) and resource.plural == RESOURCE.plural
            if not (of_notification and notifications.forget_ended(event["type"], event["object"])):
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
        accept = TABLE if resource.plural == RESOURCE.plural else METADATA_LIST
        pages = lists(client, resource.get_url(namespace=namespace), query, accept=accept)
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


def _with_object(event: Any, rows: Rows) -> Any:  # noqa: ANN401 - an event of kopf, or its mark
    """Return an event with the object of its row."""
    if not isinstance(event, dict) or event["object"].get("kind") != "Table":
        return event
    (obj,) = rows.objects(event["object"])
    return {**event, "object": obj}


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
