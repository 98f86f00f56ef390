"""Gives each test the operator that it asks for, and a namespace of its own that this operator serves."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.stack.suite import Suite
from tests.support.faultproxy_client import FaultProxy
from tests.support.node import Node
from tests.support.operator_pod import Operator
from tests.support.operators import LABEL, working
from tests.support.report.plugin import FAILED
from tests.support.report.selection import ONE_AT_A_TIME
from tests.support.sink_client import AuditStore, SlackSink, StubScripts, WebhookSink
from tests.support.turns import turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import pytest

    from tests.support.cluster import Cluster
    from tests.support.place import EphemeralStack


class Suites:
    """The operators of a stack, each made when a test first asks for it."""

    def __init__(self, stack: EphemeralStack, cluster: Cluster) -> None:
        self._stack = stack
        self._cluster = cluster
        self._node = Node(stack.container)
        self._operators: dict[str, Operator] = {}

    @contextmanager
    def suite(self, name: str, test: pytest.Item) -> Iterator[Suite]:
        """Give an operator and a namespace; afterwards every notification in it has to go within 5 s.

        With `--keep-failed` the namespace of a test that failed stays as it is. What only one test may use
        is waited for, since other runs may be under way on the same stack.
        """
        with self._turn(name, test):
            yield from self._given(name, test)

    def _turn(self, name: str, test: pytest.Item) -> AbstractContextManager[None]:
        groups = {mark.args[0] for mark in test.iter_markers("xdist_group")}
        folder, known_as = Path(self._stack.kubeconfig).parent, working(name).name
        if name in ONE_AT_A_TIME:
            return turn(folder, known_as)
        return turn(folder, f"{known_as}-routing") if "routing" in groups else nullcontext()

    def _given(self, name: str, test: pytest.Item) -> Iterator[Suite]:
        known_as = working(name).name
        namespace = self._cluster.create_namespace({LABEL: known_as})
        suite = Suite(
            cluster=self._cluster,
            operator=self._operator(name),
            namespace=namespace,
            sink=StubScripts(self._stack.sink),
            slack=SlackSink(self._stack.sink, known_as),
            webhook=WebhookSink(self._stack.sink, known_as),
            audit=AuditStore(self._stack.sink, known_as),
            proxy=FaultProxy(self._stack.proxy),
        )
        yield suite
        if FAILED not in test.stash:
            suite.clear()
        elif test.config.option.keep_failed:
            Console(stderr=True).print(f"kept: namespace {namespace}, KUBECONFIG={self._stack.kubeconfig}")
            return
        self._cluster.core.delete_namespace(namespace)

    def _operator(self, name: str) -> Operator:
        if name not in self._operators:
            namespace = working(name).namespace
            self._operators[name] = Operator(cluster=self._cluster, node=self._node, namespace=namespace)
        return self._operators[name]
