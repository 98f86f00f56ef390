"""A real API server with the CRD, for the clients of the platform: without Docker, and without an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.cli.catalogue import DESCRIPTIONS
from tests.cli.cluster import Cluster
from tests.harness.control_plane import GROUPS, control_plane
from tests.kit.check_report import CheckReport
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.layout import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPORT = CheckReport(title="command line", descriptions=DESCRIPTIONS)


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[Cluster]:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "api-tests.lock"):
        ensure(GROUPS)
    with control_plane() as plane:
        cluster = Cluster(plane.kubeconfig)
        cluster.install_crd()
        cluster.install_receivers()
        cluster.install_sources()
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The cluster, with a namespace that only this test uses."""
    shared_cluster.new_namespace()
    return shared_cluster


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    REPORT.mark(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    REPORT.write(terminalreporter)
