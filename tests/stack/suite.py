"""What a stack test works with: one operator of the disposable stack, and a namespace of the test's own."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cluster import Cluster, Pod, Sink
    from tests.support.node import Node

SELECTOR = "app.kubernetes.io/name=notification-operator"
HEALTH, METRICS = 8081, 9090


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator's place in the cluster."""

    cluster: Cluster
    node: Node
    namespace: str

    @property
    def pod(self) -> Pod:
        """Its pod."""
        (pod,) = eventually(
            lambda: self.cluster.pods(self.namespace, SELECTOR), lambda pods: len(pods) == 1, within=30
        )
        return pod

    def page(self, port: int, path: str) -> str:
        """Return a page of its own HTTP servers."""
        where = f"/api/v1/namespaces/{self.namespace}/pods/{self.pod.name}:{port}/proxy/{path}"
        return self.cluster.text("GET", where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One operator, seen from one test."""

    cluster: Cluster
    operator: Operator
    sink: Sink
    namespace: str

    def records(self) -> list[dict[str, Any]]:
        """Return what the operator has logged, record by record."""
        lines = self.cluster.log(self.operator.pod).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def console(self) -> str:
        """Return all that the console channel has printed."""
        return "\n".join(entry["event"] for entry in self.records() if entry.get("logger") == "console")

    def errors(self) -> str:
        """Return the operator's records of level error and above."""
        bad = [entry for entry in self.records() if entry.get("level") in {"error", "critical"}]
        return "\n".join(json.dumps(entry) for entry in bad)

    def metric(self, name: str) -> float:
        """Return a figure without labels from the operator's metrics page."""
        page = self.operator.page(METRICS, "metrics")
        found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
        assert found, f"no metric {name} in:\n{page}"
        return float(found[1])

    def kill_operator(self) -> None:
        """Kill the operator's process with SIGKILL, as a node out of memory would."""
        self.operator.node.kill_pod(self.cluster.uid(self.operator.pod))

    @contextmanager
    def read_only_files(self) -> Iterator[None]:
        """Take the right to write away from the directory of the file channel."""
        with self.operator.node.read_only_volume(self.cluster.uid(self.operator.pod), "files"):
            yield
