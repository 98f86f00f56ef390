"""The checks of the catalogue, run by pytest in a process of its own, and what became of each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutations.mutation import ROOT
from tests.stack.catalogue import BY_ID
from tests.stack.conftest import HANDED_ON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.harness.place import EphemeralStack

GREEN, RED, BROKE = "green", "red", "broke"
"""A check passed, did not hold, or could not be run."""
SIDE_BY_SIDE = 3
"""Checks at once at most, where there are that many: most of a red one's time is waiting for what does not come."""
ASSERTED = re.compile(r'"(AssertionError\b|assert )')
"""In what JUnit tells of a fixture: it did not break but look, and find what must not be."""
LIMIT = 900.0
"""Seconds after which a run is taken to hang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of one check."""

    colour: str
    said: str = ""


def run_checks(
    stack: EphemeralStack, ids: Iterable[str], *, variables: Mapping[str, str], alone: bool
) -> dict[str, Seen]:
    """Run checks, one after the other when they are `alone`, and return what became of each one."""
    wanted = sorted(set(ids))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        files = sorted({f"tests/stack/test_{BY_ID[check].group}.py" for check in wanted})
        command = [sys.executable, "-m", "pytest", *files, f"--junitxml={report}"]
        command += [word for check in wanted for word in ("--check", check)]
        if not alone and len(wanted) >= SIDE_BY_SIDE:
            command += ["-n", str(SIDE_BY_SIDE), "--dist", "loadgroup"]
        subprocess.run(
            command,
            env={**os.environ, HANDED_ON: stack.dump(), **variables},
            cwd=ROOT,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT,
        )
        found = read(report) if report.exists() else {}
    return {check: found.get(check, Seen(colour=BROKE, said="was not run")) for check in wanted}


def read(report: Path) -> dict[str, Seen]:
    """Return what a JUnit report tells of each check; what it arranges and clears up has to hold as well."""
    seen: dict[str, Seen] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by our own pytest
        for note in case.iter("property"):
            if note.get("name") == "check":
                check = str(note.get("value"))
                seen[check] = max(seen.get(check, Seen(colour=GREEN)), _colour(case), key=_weight)
    return seen


def _colour(case: ET.Element) -> Seen:
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            said = (found.get("message") or "").strip()
            holds_not = kind == "failure" or ASSERTED.search(said) is not None
            return Seen(colour=RED if holds_not else BROKE, said=said)
    return Seen(colour=GREEN)


def _weight(seen: Seen) -> int:
    return (GREEN, BROKE, RED).index(seen.colour)
