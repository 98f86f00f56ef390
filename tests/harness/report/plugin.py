"""The hooks of pytest for the stack tests: options, selection, and what is told; tests/stack/conftest.py takes them in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.report import selection
from tests.harness.report.evidence import gather
from tests.harness.report.reporter import Reporter
from tests.harness.report.told import Told, attach
from tests.stack.catalogue import BY_ID

if TYPE_CHECKING:
    from collections.abc import Generator

BEGAN = pytest.StashKey[float]()
FAILED = pytest.StashKey[bool]()
"""Set on a test as soon as one of its phases has failed."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the suite's options."""
    group = parser.getgroup("suite", "the stack tests")
    group.addoption(
        "--check", action="append", default=[], metavar="ID", help="only these: retry-02, 'status-*'"
    )
    group.addoption("--target", choices=["pod", "process"], default="pod", help="where the operator runs")
    group.addoption("--long", action="store_true", help="the tests that are marked long, and no others")
    group.addoption("--keep-failed", action="store_true", help="keep the namespace of a test that failed")
    group.addoption("--shuffle", type=int, metavar="SEED", help="run in a random order")
    group.addoption("--repeat", type=int, default=1, metavar="N", help="make each test so often")
    group.addoption("--records", type=Path, metavar="FILE", help="add results to a file; the caller reports")
    group.addoption("--list-checks", action="store_true", help="with --collect-only: print each check's file")
    group.addoption("--page", type=Path, metavar="FILE", help="write the report as an HTML page")


def pytest_configure(config: pytest.Config) -> None:
    """Report from the one process that sees all results."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Reporter(config), "suite-reporter")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make each test as often as wanted."""
    selection.repeat(metafunc, metafunc.config.option.repeat)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the tests of an operator that some of them disturb from running side by side."""
    selection.group(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose, limit and order the tests."""
    chosen = selection.choose(items, config.option.check, config.option.target, long=config.option.long)
    left_out = [item for item in items if item not in chosen]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = chosen
    for item in items:
        item.user_properties.append(("check", selection.check_of(item)))
    selection.limit(items)
    if config.option.shuffle is None:
        selection.begin_with_the_longest(items)
    else:
        selection.shuffle(items, config.option.shuffle)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Print which checks there are, where, and on what fixtures, for those who compare them with lists of checks."""
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
    """Add to a test's report what the catalogue calls it, and what it left when it failed."""
    report = yield
    began = item.stash.setdefault(BEGAN, call.start)
    evidence = []
    if report.failed:
        item.stash[FAILED] = True
        evidence = gather(getattr(item, "funcargs", {}).values(), began)
    attach(report, Told(check=selection.check_of(item), promise=_promise(item), evidence=evidence))
    return report


def _promise(item: pytest.Item) -> str:
    """Return the catalogue's words, or a test's own name as the sentence that it is."""
    check = selection.check_of(item)
    if check in BY_ID:
        return BY_ID[check].promise
    return item.name.removeprefix("test_").replace("_", " ").capitalize()
