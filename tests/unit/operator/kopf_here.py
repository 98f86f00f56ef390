"""Kopf as the operator runs it, with its handlers, its settings and the supervisor, around an app of the test."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kubernetes.aio.client import ApiClient, Configuration

from notification_contract.settings import Watch
from notification_operator.kube.client import Cluster, watching_session
from notification_operator.kube.connectivity import Connectivity
from notification_operator.kube.pagination import collection
from notification_operator.kube.resources import RESOURCE
from notification_operator.watch.field_selector import OPEN, OpenSelector
from notification_operator.watch.kopf_adapter import handlers, supervised, watching_operator
from notification_operator.watch.namespaces import AllNamespaces
from notification_operator.watch.served_kind import ServedKind
from notification_operator.watch.supervisor import SupervisedWatch, WatchSupervisor

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Callable, Coroutine

    from aiohttp import ClientSession

    from notification_operator.watch.namespaces import SelectedNamespaces

NAMESPACES = "/api/v1/namespaces"


class KopfHere:
    """Kopf on the API server at a URL, and the parts that supervise it."""

    def __init__(
        self,
        *,
        url: str,
        stop_flag: asyncio.Event | threading.Event,
        stop: Callable[[], Coroutine[None, None, None]],
        handler: Any = None,
        watch: Watch | None = None,
        selector: str = OPEN,
        namespaces: SelectedNamespaces | None = None,
    ) -> None:
        self.connectivity = Connectivity()
        self.unavailable: list[tuple[str, str]] = []
        """The namespaces that were reported as unavailable, with the error."""
        self._cluster = Cluster(configuration=Configuration(host=url), namespace="own", source="a test")
        self._watch = watch or Watch()
        self._stop_flag = stop_flag
        self._stop = stop
        self._handler = handler
        self._namespaces = namespaces
        self._paths = [collection(RESOURCE, name) for name in self._watch.namespaces or (None,)]
        self._selector = selector
        self.supervisor: WatchSupervisor

    async def run(self) -> None:
        """Run until the flag is set."""
        async with ApiClient(self._cluster.configuration) as client:
            selector = OpenSelector()
            selector.text = self._selector
            self.supervisor = WatchSupervisor(
                self._watches(),
                served=ServedKind(client, RESOURCE),
                connectivity=self.connectivity,
                detect_selector=partial(selector.detect, client, self._paths),
                on_unavailable=self._on_unavailable,
            )
            if self._handler is not None:
                self.supervisor.observe(notifications=self._handler, namespaces=self._namespaces)
            sessions: list[ClientSession] = []

            async def session() -> ClientSession:
                sessions.append(
                    await watching_session(
                        self._cluster, self.connectivity, media_type=lambda: selector.media_type
                    )
                )
                return sessions[-1]

            registry = handlers(
                self._handler,
                self._namespaces or AllNamespaces(),
                server=self._cluster.configuration.host,
                session=session,
                stop=self._stop,
            )
            try:
                with supervised(self.supervisor, selector, client):
                    await watching_operator(registry, self._watch, stop_flag=self._stop_flag)
            finally:
                await sessions[-1].close()

    def _watches(self) -> list[SupervisedWatch]:
        names = self._watch.namespaces or (None,)
        watches = [
            SupervisedWatch(path=path, namespace=name) for path, name in zip(self._paths, names, strict=True)
        ]
        if self._watch.namespace_selector is not None:
            watches.append(SupervisedWatch(path=NAMESPACES, of_notifications=False))
        return watches

    def _on_unavailable(self, namespace: str, error: str) -> None:
        self.unavailable.append((namespace, error))
