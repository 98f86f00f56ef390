"""Runs checks of the catalogue in a pytest process of their own, and reads their results."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutations.mutation import ROOT
from tests.stack.catalogue import BY_ID, files_of
from tests.stack.conftest import HANDED_ON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.harness.place import EphemeralStack

WORKERS = 3
"""Concurrent checks at most: a red check mostly waits for something that does not happen."""
ASSERTION = re.compile(r'"(AssertionError\b|assert )')
"""In the JUnit message of a fixture: it did not break, its assertion failed."""
TIMEOUT = 900.0
"""Seconds."""


class Color(StrEnum):
    """The result of a check: passed, not run to its end, or failed; the last one weighs most."""

    GREEN = "green"
    BROKEN = "broken"
    RED = "red"


SEVERITY = tuple(Color)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one check, with the message of its failure."""

    color: Color
    message: str = ""


def run_checks(
    stack: EphemeralStack, ids: Iterable[str], *, variables: Mapping[str, str], alone: bool
) -> dict[str, CheckResult]:
    """Run checks, one after another if `alone`, and return each one's result."""
    wanted = sorted(set(ids))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        groups = {BY_ID[check].group for check in wanted}
        files = [f"tests/stack/{file}" for group in sorted(groups) for file in files_of(group)]
        command = [sys.executable, "-m", "pytest", *files, f"--junitxml={report}"]
        command += [word for check in wanted for word in ("--check", check)]
        if not alone and len(wanted) >= WORKERS:
            command += ["-n", str(WORKERS), "--dist", "loadgroup"]
        subprocess.run(
            command,
            env={**os.environ, HANDED_ON: stack.dump(), **variables},
            cwd=ROOT,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
        )
        results = read(report) if report.exists() else {}
    return {check: results.get(check, CheckResult(color=Color.BROKEN, message="not run")) for check in wanted}


def read(report: Path) -> dict[str, CheckResult]:
    """Return the results in a JUnit report; setup and teardown of a check count as well."""
    results: dict[str, CheckResult] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by our own pytest
        for note in case.iter("property"):
            if note.get("name") == "check":
                check = str(note.get("value"))
                known = results.get(check, CheckResult(color=Color.GREEN))
                results[check] = max(known, _result(case), key=lambda one: SEVERITY.index(one.color))
    return results


def _result(case: ET.Element) -> CheckResult:
    for kind in ("failure", "error"):
        element = case.find(kind)
        if element is not None:
            message = (element.get("message") or "").strip()
            asserted = kind == "failure" or ASSERTION.search(message) is not None
            return CheckResult(color=Color.RED if asserted else Color.BROKEN, message=message)
    return CheckResult(color=Color.GREEN)
