"""Kopf as the operator runs it, with its handlers, its settings and the supervisor, around an event handler of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.aio.client import ApiClient, Configuration

from notification_contract.settings import Watch
from notification_operator.watch.kopf_adapter import KopfWatch
from notification_operator.watch.namespaces import AllNamespaces
from notification_runtime.kube.client import Cluster, Connectivity

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Callable, Coroutine

    from notification_operator.watch.namespaces import SelectedNamespaces
    from notification_operator.watch.supervisor import WatchSupervisor

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
        self._namespaces = namespaces or AllNamespaces()
        self.supervisor: WatchSupervisor

    async def run(self) -> None:
        """Run until the flag is set."""
        async with ApiClient(self._cluster.configuration) as client:
            watch = KopfWatch(
                self._watch,
                client=client,
                cluster=self._cluster,
                connectivity=self.connectivity,
                event_handler=self._handler,
                namespaces=self._namespaces,
                on_unavailable=lambda namespace, error: self.unavailable.append((namespace, error)),
            )
            self.supervisor = watch.supervisor
            try:
                await watch.run(watch.handlers(stop=self._stop), self._stop_flag)
            finally:
                await watch.close()
