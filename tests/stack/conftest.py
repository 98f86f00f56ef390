"""The disposable stack, brought up once for all tests of a run, and what each test gets of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.cluster import Cluster
from tests.harness.ephemeral import ephemeral_stack
from tests.harness.place import EphemeralStack, load
from tests.harness.report.plugin import (
    pytest_addoption,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_generate_tests,
    pytest_itemcollected,
    pytest_runtest_makereport,
)
from tests.stack.suites import Suites
from tests.stack.targets import reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stack.suite import Suite

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
def suites(stack: EphemeralStack, cluster: Cluster, pytestconfig: pytest.Config) -> Iterator[Suites]:
    with reach(pytestconfig.option.target, stack, cluster) as operators:
        yield Suites(stack, cluster, operators)


@pytest.fixture
def served(suites: Suites, request: pytest.FixtureRequest) -> Iterator[Suite]:
    """The operator with the channels as they are shipped."""
    with suites.suite("served", request.node) as suite:
        yield suite


@pytest.fixture
def scripted(suites: Suites, request: pytest.FixtureRequest) -> Iterator[Suite]:
    """An operator whose console, file and log do as the test tells them."""
    with suites.suite("scripted", request.node) as suite:
        yield suite


@pytest.fixture
def fragile(suites: Suites, request: pytest.FixtureRequest) -> Iterator[Suite]:
    """Likewise, and it may be stopped and killed; its tests run one after another."""
    with suites.suite("fragile", request.node) as suite:
        suite.operator.scale(1)  # whatever a test before this one has left
        yield suite


@pytest.fixture
def guarded(suites: Suites, request: pytest.FixtureRequest) -> Iterator[Suite]:
    """An operator whose breaker opens soon; its tests run one after another."""
    with suites.suite("guarded", request.node) as suite:
        yield suite


@pytest.fixture
def troubled(suites: Suites, request: pytest.FixtureRequest) -> Iterator[Suite]:
    """An operator behind the fault proxy; its tests run one after another."""
    with suites.suite("troubled", request.node) as suite:
        suite.proxy.clear()
        yield suite
        suite.proxy.clear()


@pytest.fixture
def repetition(request: pytest.FixtureRequest) -> int:
    """Which one of several runs of the same test this is."""
    number: int = request.param
    return number
