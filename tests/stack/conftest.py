"""The disposable stack, brought up once for all tests of a run, and what each test gets of it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stack.suite import Operator, Suite
from tests.support.cluster import Cluster
from tests.support.ephemeral import ephemeral_stack
from tests.support.faultproxy_client import FaultProxy
from tests.support.node import Node
from tests.support.operators import LABEL, working
from tests.support.place import EphemeralStack, load
from tests.support.sink_client import AuditStore, SlackSink, StubScripts, WebhookSink

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDED_ON = "NOTIFICATION_TEST_STACK"
"""A stack that is up already, as JSON: several processes of one run share it."""


@pytest.fixture(scope="session")
def stack() -> Iterator[EphemeralStack]:
    if handed_on := os.environ.get(HANDED_ON):
        yield load(handed_on)
    else:
        with ephemeral_stack() as made:
            yield made


@pytest.fixture(scope="session")
def cluster(stack: EphemeralStack) -> Cluster:
    return Cluster(Path(stack.kubeconfig))


class Operators:
    """The operators of the stack, each made when a test first asks for it."""

    def __init__(self, stack: EphemeralStack, cluster: Cluster) -> None:
        self._stack = stack
        self._cluster = cluster
        self._node = Node(stack.container)
        self._made: dict[str, Operator] = {}

    def __getitem__(self, name: str) -> Operator:
        if name not in self._made:
            self._made[name] = Operator(
                cluster=self._cluster, node=self._node, namespace=working(name).namespace
            )
        return self._made[name]

    @contextmanager
    def suite(self, name: str) -> Iterator[Suite]:
        """Give an operator and a namespace that it serves; afterwards nothing may be left in that."""
        known_as = working(name).name
        with self._cluster.temporary_namespace({LABEL: known_as}) as namespace:
            suite = Suite(
                cluster=self._cluster,
                operator=self[name],
                namespace=namespace,
                sink=StubScripts(self._stack.sink),
                slack=SlackSink(self._stack.sink, known_as),
                webhook=WebhookSink(self._stack.sink, known_as),
                audit=AuditStore(self._stack.sink, known_as),
                proxy=FaultProxy(self._stack.proxy),
            )
            yield suite
            suite.clear()


@pytest.fixture(scope="session")
def operators(stack: EphemeralStack, cluster: Cluster) -> Operators:
    return Operators(stack, cluster)


@pytest.fixture
def served(operators: Operators) -> Iterator[Suite]:
    """The operator with the channels as they are shipped."""
    with operators.suite("served") as suite:
        yield suite


@pytest.fixture
def scripted(operators: Operators) -> Iterator[Suite]:
    """An operator whose console, file and log do as the test tells them."""
    with operators.suite("scripted") as suite:
        yield suite


@pytest.fixture
def fragile(operators: Operators) -> Iterator[Suite]:
    """Likewise, and it may be stopped and killed; its tests run one after another."""
    with operators.suite("fragile") as suite:
        yield suite


@pytest.fixture
def guarded(operators: Operators) -> Iterator[Suite]:
    """An operator whose breaker opens soon; its tests run one after another."""
    with operators.suite("guarded") as suite:
        yield suite


@pytest.fixture
def troubled(operators: Operators) -> Iterator[Suite]:
    """An operator behind the fault proxy; its tests run one after another."""
    with operators.suite("troubled") as suite:
        yield suite
