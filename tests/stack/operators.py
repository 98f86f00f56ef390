"""The operators that stack tests use: Deployments of the disposable stack, or local processes against its API server."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock
from rich.console import Console

from platform_infra import names
from tests.harness.faultproxy_client import FaultProxy
from tests.harness.node import Node
from tests.harness.operator_deployment import OperatorDeployment
from tests.harness.operator_process import OperatorProcess
from tests.harness.operator_under_test import OperatorUnderTest
from tests.harness.operators import LABEL, working
from tests.harness.process_account import ProcessAccount
from tests.harness.proxy_thread import proxy_thread
from tests.harness.report.plugin import FAILED
from tests.harness.report.selection import ONE_AT_A_TIME
from tests.harness.sink_client import AuditStore, SlackSink, StubScripts, WebhookSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import pytest

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningOperator:
    """A running operator. `name` is the label of its namespaces and its path at the sink; `proxy` is a URL."""

    name: str
    workload: OperatorDeployment
    proxy: str


class Operators:
    """Starts an operator when a test first asks for it, and gives each test a namespace that it watches."""

    def __init__(
        self,
        target: Literal["pod", "process"],
        stack: EphemeralStack,
        cluster: Cluster,
        cleanup: contextlib.ExitStack,
    ) -> None:
        self._target = target
        self._stack = stack
        self._cluster = cluster
        self._cleanup = cleanup
        self._running: dict[str, RunningOperator] = {}

    @contextmanager
    def under_test(self, name: str, test: pytest.Item) -> Iterator[OperatorUnderTest]:
        """Give an operator and a namespace; afterwards every notification in it has to be deleted within 5 s.

        With `--keep-failed` the namespace of a failed test is kept. An operator that only one test may use at a
        time is locked, because other runs may use the same stack.
        """
        running = self._start(name)
        with self._lock(name, running.name, test):
            yield from self._namespaced(running, test)

    def _start(self, name: str) -> RunningOperator:
        if name not in self._running:
            self._running[name] = (
                self._cleanup.enter_context(_process(name, self._stack, self._cluster))
                if self._target == "process"
                else _deployment(name, self._stack, self._cluster)
            )
        return self._running[name]

    def _lock(self, name: str, running_as: str, test: pytest.Item) -> AbstractContextManager[object]:
        groups = {mark.args[0] for mark in test.iter_markers("xdist_group")}
        folder = Path(self._stack.kubeconfig).parent
        if f"{name}_operator" in ONE_AT_A_TIME:
            return FileLock(folder / f"{running_as}.lock")
        return FileLock(folder / f"{running_as}-routing.lock") if "routing" in groups else nullcontext()

    def _namespaced(self, running: RunningOperator, test: pytest.Item) -> Iterator[OperatorUnderTest]:
        namespace = self._cluster.create_namespace({LABEL: running.name})
        operator = OperatorUnderTest(
            cluster=self._cluster,
            workload=running.workload,
            namespace=namespace,
            sink=StubScripts(self._stack.sink),
            slack=SlackSink(self._stack.sink, running.name),
            webhook=WebhookSink(self._stack.sink, running.name),
            audit=AuditStore(self._stack.sink, running.name),
            proxy=FaultProxy(running.proxy),
            sink_url=self._stack.sink,
        )
        yield operator
        if FAILED not in test.stash:
            operator.clear()
        elif test.config.option.keep_failed:
            Console(stderr=True).print(f"kept: namespace {namespace}, KUBECONFIG={self._stack.kubeconfig}")
            return
        self._cluster.core.delete_namespace(namespace)


def _deployment(name: str, stack: EphemeralStack, cluster: Cluster) -> RunningOperator:
    spec = working(name)
    workload = OperatorDeployment(cluster=cluster, node=Node(stack.container), namespace=spec.namespace)
    return RunningOperator(name=spec.name, workload=workload, proxy=stack.proxy)


@contextmanager
def _process(name: str, stack: EphemeralStack, cluster: Cluster) -> Iterator[RunningOperator]:
    unique = f"{name}-{uuid.uuid4().hex[:8]}"
    # Some checks create notifications in the operator's own namespace, and receivers there may open private networks.
    namespace = cluster.create_namespace({**names.labels("namespace"), LABEL: unique})
    namespaced = bool(working(name).settings.get("receiversNamespaced"))
    account = ProcessAccount(cluster, namespace, namespaced=namespaced)
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(cluster.core.delete_namespace, namespace)
        cleanup.callback(account.remove)
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{unique}-")))
        server, proxy = None, stack.proxy
        if "operatorEnv" in working(name).settings:
            address = cleanup.enter_context(proxy_thread(cluster))
            server = f"https://{address.host}:{address.api_port}"
            proxy = f"http://{address.host}:{address.control_port}"
        account.write_kubeconfig(folder / "kubeconfig", server=server)
        workload = OperatorProcess(
            cluster=cluster,
            node=Node(stack.container),
            spec=replace(working(name), name=unique, namespace=namespace),
            sink=stack.sink,
            kubeconfig=folder / "kubeconfig",
        )
        cleanup.callback(workload.stop)
        workload.scale(1)
        yield RunningOperator(name=unique, workload=workload, proxy=proxy)
