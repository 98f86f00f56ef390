"""Reports a run: one line per test as it ends, and at the end the table and the page unless the caller makes them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.harness.report.page import write_page
from tests.harness.report.records import Record, append, details_of
from tests.harness.report.table import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST_PHASES = {"teardown", "???"}
"""The phases that end a test; the second one is of a test whose process died."""


class Reporter:
    """A plugin of the process that sees the results of all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._open: dict[str, list[pytest.TestReport]] = {}
        self._records: list[Record] = []

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Switch pytest's own progress off."""
        self._session = session
        self._terminal: Any = self._config.pluginmanager.getplugin("terminalreporter")
        with contextlib.suppress(AttributeError):
            self._terminal.showfspath = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count as pytest does, without its letters."""
        if report.when == "call" or not report.passed:
            category = "error" if report.failed and report.when != "call" else report.outcome
            return category, "", ""
        return "", "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the phases of a test; the last one completes its record."""
        phases = self._open.setdefault(report.nodeid, [])
        phases.append(report)
        if report.when in LAST_PHASES:
            del self._open[report.nodeid]
            self._finish(_record(phases))

    def _finish(self, record: Record) -> None:
        self._records.append(record)
        if file := self._config.option.records:
            append(file, record)
        total = str(self._session.testscollected)
        result = "ok    " if record.passed else "FAILED"
        place = f"[{len(self._records):>{len(total)}}/{total}]"
        line = f"{place} {result} {record.seconds:6.1f} s  {record.check:12} {record.promise}"
        self._terminal.write_line(line, red=not record.passed)
        if not record.passed:
            self._terminal.write_line(f"      {_gist(record.message)}", red=True)

    def pytest_terminal_summary(self) -> None:
        """Print the table and write the page."""
        if self._config.option.records is None and self._records:
            self._terminal.write_line("")
            print_table(Console(), self._records)
        if page := self._config.option.page:
            write_page(page, self._records)
            self._terminal.write_line(f"report: {page}")


def _record(phases: Sequence[pytest.TestReport]) -> Record:
    bad = [phase for phase in phases if not phase.passed]
    details = [details_of(phase) for phase in phases]
    return Record(
        test=phases[0].nodeid,
        check=details[0].check,
        promise=details[0].promise,
        passed=not bad,
        seconds=sum(phase.duration for phase in phases),
        message="\n\n".join(phase.longreprtext or phase.outcome for phase in bad),
        evidence=[evidence for one in details for evidence in one.evidence],
    )


def _gist(message: str) -> str:
    """Return the most informative line of a failure's message."""
    lines = [line for line in message.splitlines() if line.startswith("E ")]
    return (lines or message.splitlines() or [""])[0].removeprefix("E ").strip()[:200]
