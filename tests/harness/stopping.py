"""The shutdown of an operator's pod: whether it has started, and how and when it ended."""

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
"""The kubelet truncates end times to seconds; this is added, so that no shutdown looks shorter than it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The end of a process."""

    code: int
    seconds: float
    """From the deletion of the pod until the end; at most two seconds too long, never too short."""
    surely: float
    """The seconds that are certain, to prove that a shutdown ends in time."""


class Stopping:
    """A pod that was asked to stop."""

    def __init__(self, cluster: Cluster, pod: Pod, signal: Callable[[], object]) -> None:
        self._cluster = cluster
        self._pod = pod
        pods = cluster.core.list_namespaced_pod(pod.namespace)
        self._version: str = pods.metadata.resource_version
        self._asked_at = datetime.now(UTC)
        signal()

    def noticed(self) -> None:
        """Wait until the process has received the signal: it then reports not ready."""
        eventually(self._readiness, lambda text: "failed: accepting_work" in text, within=10, every=0.05)

    def _readiness(self) -> str:
        client = self._cluster.api
        where = f"/api/v1/namespaces/{self._pod.namespace}/pods/{self._pod.name}:{READINESS}/proxy/readyz"
        answer = client.rest_client.pool_manager.request("GET", client.configuration.host + where)
        text: str = answer.data.decode()
        return text

    def exit(self, *, within: float = 60.0) -> Exit:
        """Wait for the end of the process, and return it from the container's last status."""
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
                deleted = _deleted_at(event["object"])
                earliest, latest = max(self._asked_at, deleted), max(self._asked_at, deleted + CLOCK)
                return Exit(
                    code=ended.exit_code,
                    seconds=(ended.finished_at + CLOCK - earliest).total_seconds(),
                    surely=(ended.finished_at - latest).total_seconds(),
                )
            assert event["type"] != "DELETED", f"{self._pod.name} was deleted before its exit code was seen"
        raise AssertionError(f"{self._pod.name} still runs {within:g} s after the request to stop")


def _deleted_at(pod: Any) -> Any:
    """Return when a pod was deleted, truncated to seconds; what controllers take before is no part of its shutdown."""
    return pod.metadata.deletion_timestamp - timedelta(seconds=pod.metadata.deletion_grace_period_seconds)


def _ended(pod: Any) -> Any:
    """Return the end of the pod's only container, or None while it runs."""
    (status,) = pod.status.container_statuses or [None]
    return status.state.terminated if status is not None else None
