"""Tells of a run: a line a test as it ends, and, unless a caller does, the table and the page at the end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.harness.report.page import write_page
from tests.harness.report.records import Record, append
from tests.harness.report.table import print_table
from tests.harness.report.told import told_by

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST = {"teardown", "???"}
"""The phases that end a test; the second one is that of a test whose process died."""


class Reporter:
    """A plugin of the process that sees the results of all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._open: dict[str, list[pytest.TestReport]] = {}
        self._records: list[Record] = []
        self._total = 0

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Leave out pytest's own signs of progress."""
        self._session = session
        self._terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        with contextlib.suppress(AttributeError):
            self._terminal.showfspath = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count what pytest counts, and print none of its letters."""
        if report.when == "call" or not report.passed:
            category = "error" if report.failed and report.when != "call" else report.outcome
            return category, "", ""
        return "", "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a phase of a test; the last one makes the record."""
        phases = self._open.setdefault(report.nodeid, [])
        phases.append(report)
        if report.when in LAST:
            del self._open[report.nodeid]
            self._finish(_record(phases))

    def _finish(self, record: Record) -> None:
        self._records.append(record)
        if file := self._config.option.records:
            append(file, record)
        total = str(self._session.testscollected)
        verdict = "ok    " if record.passed else "FAILED"
        place = f"[{len(self._records):>{len(total)}}/{total}]"
        said = f"{place} {verdict} {record.seconds:6.1f} s  {record.check:12} {record.promise}"
        self._terminal.write_line(said, red=not record.passed)
        if not record.passed:
            self._terminal.write_line(f"      {_gist(record.message)}", red=True)

    def pytest_terminal_summary(self) -> None:
        """Tell how it went, unless whoever started this does."""
        if self._config.option.records is None and self._records:
            self._terminal.write_line("")
            print_table(Console(), self._records)
        if page := self._config.option.page:
            write_page(page, self._records)
            self._terminal.write_line(f"report: {page}")


def _record(phases: Sequence[pytest.TestReport]) -> Record:
    bad = [phase for phase in phases if not phase.passed]
    told = [told_by(phase) for phase in phases]
    return Record(
        test=phases[0].nodeid,
        check=told[0].check,
        promise=told[0].promise,
        passed=not bad,
        seconds=sum(phase.duration for phase in phases),
        message="\n\n".join(phase.longreprtext or phase.outcome for phase in bad),
        evidence=[evidence for one in told for evidence in one.evidence],
    )


def _gist(message: str) -> str:
    """Return the line of a failure's message that says most."""
    lines = [line for line in message.splitlines() if line.startswith("E ")]
    return (lines or message.splitlines() or [""])[0].removeprefix("E ").strip()[:200]
