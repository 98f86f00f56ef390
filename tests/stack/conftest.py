"""The disposable stack, brought up once for all tests of a run, and what each test gets of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stack.suite import Operator, Suite
from tests.support.cluster import Cluster, Sink
from tests.support.ephemeral import LABEL, OPERATORS, EphemeralStack, ephemeral_stack, load
from tests.support.node import Node

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


@pytest.fixture(scope="session")
def node(stack: EphemeralStack) -> Node:
    return Node(stack.container)


@pytest.fixture
def served(cluster: Cluster, node: Node) -> Iterator[Suite]:
    yield from _suite(cluster, node, "served")


@pytest.fixture
def scripted(cluster: Cluster, node: Node) -> Iterator[Suite]:
    yield from _suite(cluster, node, "scripted")


@pytest.fixture
def fragile(cluster: Cluster, node: Node) -> Iterator[Suite]:
    """An operator that may be stopped and killed; its tests run one after another."""
    yield from _suite(cluster, node, "fragile")


def _suite(cluster: Cluster, node: Node, label: str) -> Iterator[Suite]:
    with cluster.temporary_namespace({LABEL: label}) as namespace:
        yield Suite(
            cluster=cluster,
            operator=Operator(cluster=cluster, node=node, namespace=OPERATORS[label]),
            sink=Sink(cluster),
            namespace=namespace,
        )
