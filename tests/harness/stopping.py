"""An operator's process on its way out: whether it knows, and how and when it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubernetes import watch

from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.cluster import Cluster, Pod

READINESS = 8081
CLOCK = timedelta(seconds=1)
"""The kubelet cuts the time of an end to whole seconds; so much is added, so that none looks shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended."""

    code: int
    seconds: float
    """From the request to stop until the end; at most one too many, never too few."""

    @property
    def surely(self) -> float:
        """Return how many of the seconds are certain: for a promise that an end comes in time."""
        return self.seconds - CLOCK.total_seconds()


class Stopping:
    """A pod that has been told to stop."""

    def __init__(self, cluster: Cluster, pod: Pod, signal: Callable[[], object]) -> None:
        self._cluster = cluster
        self._pod = pod
        pods = cluster.core.list_namespaced_pod(pod.namespace)
        self._version: str = pods.metadata.resource_version
        self._asked_at = datetime.now(UTC)
        signal()

    def noticed(self) -> None:
        """Wait until the process has got the signal: it then calls itself not ready."""
        eventually(self._readiness, lambda text: "failed: accepting_work" in text, within=10, every=0.05)

    def _readiness(self) -> str:
        client = self._cluster.api
        where = f"/api/v1/namespaces/{self._pod.namespace}/pods/{self._pod.name}:{READINESS}/proxy/readyz"
        answer = client.rest_client.pool_manager.request("GET", client.configuration.host + where)
        text: str = answer.data.decode()
        return text

    def exit(self, *, within: float = 60.0) -> Exit:
        """Wait for the end of the process, and return it as the container's last status tells it."""
        stream = watch.Watch().stream(
            self._cluster.core.list_namespaced_pod,
            self._pod.namespace,
            field_selector=f"metadata.name={self._pod.name}",
            resource_version=self._version,
            timeout_seconds=int(within),
        )
        for event in stream:
            ended = _ended(event["object"])
            if ended is not None:
                after = ended.finished_at + CLOCK - self._asked_at
                return Exit(code=ended.exit_code, seconds=after.total_seconds())
            assert event["type"] != "DELETED", f"{self._pod.name} went without telling how"
        raise AssertionError(f"{self._pod.name} still runs {within:g} s after it was told to stop")


def _ended(pod: Any) -> Any:
    """Return how the pod's only container ended, or None while it runs."""
    (status,) = pod.status.container_statuses or [None]
    return status.state.terminated if status is not None else None
