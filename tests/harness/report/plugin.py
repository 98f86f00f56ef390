"""The pytest hooks of the stack tests: options, selection and report; tests/stack/conftest.py imports them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.report import selection
from tests.harness.report.evidence import gather
from tests.harness.report.records import Details, attach
from tests.harness.report.reporter import Reporter
from tests.stack.catalogue import BY_ID

if TYPE_CHECKING:
    from collections.abc import Generator

BEGAN = pytest.StashKey[float]()
FAILED = pytest.StashKey[bool]()
"""Set on a test when one of its phases has failed."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the suite's options."""
    group = parser.getgroup("suite", "the stack tests")
    group.addoption(
        "--check", action="append", default=[], metavar="ID", help="only these: retry-02, 'status-*'"
    )
    group.addoption("--target", choices=["pod", "process"], default="pod", help="where the operator runs")
    group.addoption("--long", action="store_true", help="only the tests that are marked long")
    group.addoption("--keep-failed", action="store_true", help="keep the namespace of a failed test")
    group.addoption("--shuffle", type=int, metavar="SEED", help="run in a random order")
    group.addoption("--repeat", type=int, default=1, metavar="N", help="run each test N times")
    group.addoption("--records", type=Path, metavar="FILE", help="append results to a file, without a report")
    group.addoption(
        "--list-checks",
        action="store_true",
        help="with --collect-only: print file and fixtures of each check",
    )
    group.addoption("--page", type=Path, metavar="FILE", help="write the report as an HTML page")


def pytest_configure(config: pytest.Config) -> None:
    """Report from the process that sees all results."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Reporter(config), "suite-reporter")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat each test."""
    selection.repeat(metafunc, metafunc.config.option.repeat)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the tests of a shared operator from running concurrently."""
    selection.group(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select, limit and order the tests."""
    chosen = selection.choose(items, config.option.check, config.option.target, long=config.option.long)
    deselected = [item for item in items if item not in chosen]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
    items[:] = chosen
    for item in items:
        item.user_properties.append(("check", selection.check_of(item)))
    selection.limit(items)
    if config.option.shuffle is None:
        selection.begin_with_the_longest(items)
    else:
        selection.shuffle(items, config.option.shuffle)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Print each check with its file and fixtures."""
    if session.config.option.list_checks:
        terminal = session.config.get_terminal_writer()
        for item in session.items:
            if check := selection.check_of(item):
                alone = ["alone"] if item.get_closest_marker("alone") else []
                words = [check, item.nodeid.partition("::")[0], *getattr(item, "fixturenames", ()), *alone]
                terminal.line(f"check {' '.join(words)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add check id, promise and the evidence of a failure to a test's report."""
    report = yield
    began = item.stash.setdefault(BEGAN, call.start)
    evidence = []
    if report.failed:
        item.stash[FAILED] = True
        evidence = gather(getattr(item, "funcargs", {}).values(), began)
    attach(report, Details(check=selection.check_of(item), promise=_promise(item), evidence=evidence))
    return report


def _promise(item: pytest.Item) -> str:
    """Return the catalogue's promise, or the test's name as a sentence."""
    check = selection.check_of(item)
    if check in BY_ID:
        return BY_ID[check].promise
    return item.name.removeprefix("test_").replace("_", " ").capitalize()
