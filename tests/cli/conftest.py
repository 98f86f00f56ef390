"""A real API server with the CRD, for the clients of the platform: without Docker, and without an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.cli.catalogue import CHECKS, DESCRIPTIONS
from tests.cli.cluster import Cluster
from tests.harness.control_plane import GROUPS, control_plane
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.layout import cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHECK = "command-line-check"
"""The property of a test's report that holds the id of its check."""


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
    """Give each report the id of its check."""
    for item in items:
        mark = item.get_closest_marker("check")
        if mark is not None and mark.args[0] in CHECKS:
            item.user_properties.append((CHECK, mark.args[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print for each group how many checks have passed, and the promise of each one that has not."""
    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
    ]
    results: dict[str, bool] = {}
    for report in reports:
        check = dict(report.user_properties).get(CHECK)
        if isinstance(check, str) and (report.when == "call" or not report.passed):
            results[check] = results.get(check, True) and report.passed
    for check in (each for each, passed in sorted(results.items()) if not passed):
        terminalreporter.write_line(f"FAILED {check}: {CHECKS[check]}")
    if results:
        terminalreporter.write_line(f"command line {closing_line(results)}")


def closing_line(results: dict[str, bool]) -> str:
    """Return how many checks of each group have passed; a check that was not run has not passed."""
    groups = []
    for group, promises in DESCRIPTIONS.items():
        passed = sum(passed for check, passed in results.items() if check.rpartition("-")[0] == group)
        groups.append(f"{group} {passed}/{len(promises)}")
    return f"{sum(results.values())}/{len(CHECKS)} ({', '.join(groups)})"
