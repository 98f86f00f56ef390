"""The disposable stack, created once per test run, and the fixtures for its operators."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.harness.cluster import Cluster
from tests.harness.ephemeral import ephemeral_stack
from tests.harness.gateway import HOME, Gateway
from tests.harness.place import EphemeralStack, load
from tests.harness.receivers import Receivers
from tests.harness.report.plugin import (
    pytest_addoption,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_generate_tests,
    pytest_itemcollected,
    pytest_runtest_makereport,
)
from tests.stack.operators import Operators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.operator_under_test import OperatorUnderTest

__all__ = [
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_itemcollected",
    "pytest_runtest_makereport",
]

HANDED_ON = "NOTIFICATION_TEST_STACK"
"""Names a running stack, as JSON, which the processes of one run share."""


@pytest.fixture(scope="session")
def stack() -> Iterator[EphemeralStack]:
    if handed_on := os.environ.get(HANDED_ON):
        yield load(handed_on)
    else:
        with ephemeral_stack() as created:
            yield created


@pytest.fixture(scope="session")
def cluster(stack: EphemeralStack) -> Cluster:
    return Cluster(Path(stack.kubeconfig))


@pytest.fixture(scope="session")
def operators(stack: EphemeralStack, cluster: Cluster, pytestconfig: pytest.Config) -> Iterator[Operators]:
    with contextlib.ExitStack() as cleanup:
        yield Operators(pytestconfig.option.target, stack, cluster, cleanup)


@pytest.fixture
def shipped_operator(operators: Operators, request: pytest.FixtureRequest) -> Iterator[OperatorUnderTest]:
    """The operator with the shipped channels."""
    with operators.under_test("shipped", request.node) as operator:
        yield operator


@pytest.fixture
def scripted_operator(operators: Operators, request: pytest.FixtureRequest) -> Iterator[OperatorUnderTest]:
    """An operator whose channels console, file and log follow a test's script."""
    with operators.under_test("scripted", request.node) as operator:
        yield operator


@pytest.fixture
def stoppable_operator(operators: Operators, request: pytest.FixtureRequest) -> Iterator[OperatorUnderTest]:
    """A scripted operator that tests may stop and kill; its tests run one at a time."""
    with operators.under_test("stoppable", request.node) as operator:
        operator.workload.scale(1)  # an earlier test may have left it stopped
        yield operator


@pytest.fixture
def breaker_operator(operators: Operators, request: pytest.FixtureRequest) -> Iterator[OperatorUnderTest]:
    """An operator whose breaker opens after three failures; its tests run one at a time."""
    with operators.under_test("breaker", request.node) as operator:
        yield operator


@pytest.fixture
def proxied_operator(operators: Operators, request: pytest.FixtureRequest) -> Iterator[OperatorUnderTest]:
    """An operator that reaches the API server through the fault proxy; its tests run one at a time."""
    with operators.under_test("proxied", request.node) as operator:
        operator.proxy.clear()
        yield operator
        operator.proxy.clear()


@pytest.fixture
def receivers_operator(operators: Operators, request: pytest.FixtureRequest) -> Iterator[OperatorUnderTest]:
    """The operator whose namespace has the receivers of tests; its own namespace is watched, too."""
    with operators.under_test("receivers", request.node) as operator:
        yield operator


@pytest.fixture
def receivers(receivers_operator: OperatorUnderTest) -> Iterator[Receivers]:
    """Makes receivers of that operator, and deletes them after the test."""
    with receivers_operator.receivers() as receivers:
        yield receivers


@pytest.fixture
def gateway(stack: EphemeralStack, cluster: Cluster) -> Iterator[Gateway]:
    """The gateway, with sources and receivers of the test in its namespace; its tests run one at a time."""
    receivers = Receivers(cluster, sink=stack.sink, home=HOME)
    made = Gateway(cluster, receivers, sink=stack.sink)
    with FileLock(Path(stack.kubeconfig).parent / "gateway.lock"):
        made.ready()  # an earlier test may have deleted a pod
        try:
            yield made
        finally:
            made.delete_all()
            receivers.delete_all()


@pytest.fixture
def repetition(request: pytest.FixtureRequest) -> int:
    """The number of this repetition of a test."""
    number: int = request.param
    return number
