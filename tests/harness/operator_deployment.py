"""An operator that runs as a Deployment: its pages and log, and how to scale, stop and kill it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from platform_infra import names
from tests.harness.eventually import eventually
from tests.harness.pod_log import PodLog
from tests.harness.sinks_in_cluster import is_rolled_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.harness.cluster import Cluster, Pod
    from tests.harness.node import Node

NAME = "notification-operator"
SELECTOR = f"app.kubernetes.io/name={NAME}"
HEALTH, METRICS = 8081, 9090
READY_WITHIN = 60.0
BEFORE_THE_START = timedelta(seconds=5)


class OperatorDeployment:
    def __init__(self, *, cluster: Cluster, node: Node | None, namespace: str) -> None:
        self.cluster = cluster
        self._node = node
        self.namespace = namespace
        self._since = datetime.now(UTC) - BEFORE_THE_START
        self._logs: dict[tuple[str, int], PodLog] = {}

    @property
    def node(self) -> Node:
        assert self._node is not None, "the API server stands alone, without a node"
        return self._node

    @property
    def account(self) -> str:
        """The operator's user name at the API server."""
        return f"system:serviceaccount:{self.namespace}:{NAME}"

    @property
    def pods(self) -> list[Pod]:
        """The running pods that are not being deleted."""
        return self.cluster.pods(self.namespace, SELECTOR)

    @property
    def pod(self) -> Pod:
        """The only pod; waits until there is exactly one."""
        (pod,) = eventually(lambda: self.pods, lambda pods: len(pods) == 1, within=30)
        return pod

    def page(self, port: int, path: str, *, pod: Pod | None = None) -> str:
        """Return a page of one of its HTTP servers."""
        where = f"/api/v1/namespaces/{self.namespace}/pods/{(pod or self.pod).name}:{port}/proxy/{path}"
        return self.cluster.text("GET", where)

    def records(self) -> list[dict[str, Any]]:
        """Return the log records of its pods since this object was created."""
        for pod in self.cluster.containers(self.namespace, SELECTOR):
            key = (pod.uid, pod.restarts)
            if key not in self._logs:
                fetch = partial(self.cluster.log_since, pod.namespace, pod.name)
                self._logs[key] = PodLog(fetch, self._since)
        return [record for log in self._logs.values() for record in log.records()]

    def scale(self, replicas: int, *, wait: bool = True) -> None:
        """Set the number of replicas; with `wait` return when they are ready and others are gone."""
        where = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}/scale"
        patch = {"spec": {"replicas": replicas}}
        self.cluster.text("PATCH", where, patch, kind="application/merge-patch+json")
        if wait:
            self.ready(replicas)

    def vary(self, variables: Mapping[str, str]) -> None:
        """Add environment variables, and wait until the new pod is ready."""
        env = [{"name": name, "value": value} for name, value in variables.items()]
        patch = {"spec": {"template": {"spec": {"containers": [{"name": names.CONTAINER, "env": env}]}}}}
        where = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}"
        self.cluster.text("PATCH", where, patch, kind="application/strategic-merge-patch+json")
        self.ready()

    def ready(self, replicas: int = 1) -> None:
        """Wait until it has so many pods, all of them ready."""
        eventually(lambda: self.cluster.deployment(self.namespace, NAME), is_rolled_out, within=READY_WITHIN)
        eventually(
            lambda: self.cluster.containers(self.namespace, SELECTOR),
            lambda pods: len(pods) == replicas,
            within=READY_WITHIN,
        )

    def stop(self) -> None:
        """Delete its pod, which sends SIGTERM; the replacement starts immediately."""
        pod = self.pod
        self.cluster.core.delete_namespaced_pod(pod.name, pod.namespace)

    def restart(self) -> None:
        """Stop it gracefully; return when its process has ended and its replacement is ready."""
        leaving = self.pod
        self.stop()
        eventually(
            lambda: {pod.uid for pod in self.cluster.containers(self.namespace, SELECTOR)},
            lambda uids: leaving.uid not in uids,
            within=READY_WITHIN,
        )
        self.ready()

    def kill(self, pod: Pod | None = None) -> None:
        """Kill its process with SIGKILL, as when a node runs out of memory, and let a new pod follow.

        The dead pod is deleted, because the kubelet restarts a container with growing delays.
        """
        victim = pod or self.pod
        self.node.kill_pod(self.cluster.uid(victim))
        self.cluster.core.delete_namespaced_pod(victim.name, victim.namespace, grace_period_seconds=0)
