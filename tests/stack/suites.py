"""Gives each test the operator that it asks for, and a namespace of its own that this operator serves."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.harness.faultproxy_client import FaultProxy
from tests.harness.operators import LABEL
from tests.harness.report.plugin import FAILED
from tests.harness.report.selection import ONE_AT_A_TIME
from tests.harness.sink_client import AuditStore, SlackSink, StubScripts, WebhookSink
from tests.harness.turns import turn
from tests.stack.suite import Suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import pytest

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack
    from tests.stack.targets import Reach, Reached


class Suites:
    """Ways to the operators of a target."""

    def __init__(self, stack: EphemeralStack, cluster: Cluster, reach: Reach) -> None:
        self._stack = stack
        self._cluster = cluster
        self._reach = reach

    @contextmanager
    def suite(self, name: str, test: pytest.Item) -> Iterator[Suite]:
        """Give an operator and a namespace; afterwards every notification in it has to go within 5 s.

        With `--keep-failed` the namespace of a test that failed stays as it is. What only one test may use
        is waited for, since other runs may be under way on the same stack.
        """
        reached = self._reach(name)
        with self._turn(name, reached.name, test):
            yield from self._given(reached, test)

    def _turn(self, name: str, known_as: str, test: pytest.Item) -> AbstractContextManager[None]:
        groups = {mark.args[0] for mark in test.iter_markers("xdist_group")}
        folder = Path(self._stack.kubeconfig).parent
        if name in ONE_AT_A_TIME:
            return turn(folder, known_as)
        return turn(folder, f"{known_as}-routing") if "routing" in groups else nullcontext()

    def _given(self, reached: Reached, test: pytest.Item) -> Iterator[Suite]:
        namespace = self._cluster.create_namespace({LABEL: reached.name})
        suite = Suite(
            cluster=self._cluster,
            operator=reached.operator,
            namespace=namespace,
            sink=StubScripts(self._stack.sink),
            slack=SlackSink(self._stack.sink, reached.name),
            webhook=WebhookSink(self._stack.sink, reached.name),
            audit=AuditStore(self._stack.sink, reached.name),
            proxy=FaultProxy(reached.proxy),
        )
        yield suite
        if FAILED not in test.stash:
            suite.clear()
        elif test.config.option.keep_failed:
            Console(stderr=True).print(f"kept: namespace {namespace}, KUBECONFIG={self._stack.kubeconfig}")
            return
        self._cluster.core.delete_namespace(namespace)
