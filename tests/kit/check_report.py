"""The checks of a room whose tests need no node: their results at the end of a run, and the tests that are marked with their ids."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

MARK: Final = re.compile(
    r'^@pytest\.mark\.check\("([^"]+)"\)$((?:\n.+)*?)\n(?:async )?def (test_\w+)', re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What pytest reports about the checks of a room.

    Args:
        title: the room, as the closing line names it.
        descriptions: the promises of each group, in the order of their numbers.
    """

    title: str
    descriptions: Mapping[str, Sequence[str]]

    @property
    def checks(self) -> dict[str, str]:
        """The promises by id."""
        return {
            f"{group}-{number:02}": promise
            for group, promises in self.descriptions.items()
            for number, promise in enumerate(promises, start=1)
        }

    def mark(self, items: Iterable[pytest.Item]) -> None:
        """Give each report the id of its check."""
        checks = self.checks
        for item in items:
            mark = item.get_closest_marker("check")
            if mark is not None and mark.args[0] in checks:
                item.user_properties.append((self._property, mark.args[0]))

    def write(self, reporter: pytest.TerminalReporter) -> None:
        """Print for each group how many checks have passed, and the promise of each one that has not."""
        results: dict[str, bool] = {}
        for report in (report for reports in reporter.stats.values() for report in reports):
            if not isinstance(report, pytest.TestReport):
                continue
            check = dict(report.user_properties).get(self._property)
            if isinstance(check, str) and (report.when == "call" or not report.passed):
                results[check] = results.get(check, True) and report.passed
        for check in (each for each, passed in sorted(results.items()) if not passed):
            reporter.write_line(f"FAILED {check}: {self.checks[check]}")
        if results:
            reporter.write_line(f"{self.title} {self.closing_line(results)}")

    def closing_line(self, results: Mapping[str, bool]) -> str:
        """Return how many checks of each group have passed; a check that was not run has not passed."""
        groups = []
        for group, promises in self.descriptions.items():
            passed = sum(passed for check, passed in results.items() if check.rpartition("-")[0] == group)
            groups.append(f"{group} {passed}/{len(promises)}")
        if left := len(self.checks) - len(results):
            groups.append(f"{left} not run")
        return f"{sum(results.values())}/{len(self.checks)} ({', '.join(groups)})"

    @property
    def _property(self) -> str:
        """The property of a test's report that holds the id of its check."""
        return f"check of {self.title}"


def marked(files: Iterable[Path]) -> dict[str, list[tuple[Path, str]]]:
    """Return file and name of the tests of each id."""
    tests_by_id: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for file in files:
        for check, _, name in MARK.findall(file.read_text("utf-8")):
            tests_by_id[check].append((file, name))
    return tests_by_id
