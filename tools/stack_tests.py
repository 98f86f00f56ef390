"""The stack tests against a stack that is up: side by side those that may, then alone those that measure."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.stack.conftest import HANDED_ON
from tests.support.report.page import write_page
from tests.support.report.records import failed, read
from tests.support.report.table import print_table
from tools.engine import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.place import EphemeralStack

WORKERS = "6"
"""Tests at once: they wait more than they work."""

PARTS = {
    "side by side": ["-m", "not alone", "-n", WORKERS, "--dist", "loadgroup"],
    "alone": ["-m", "alone"],
}
PAGE = ROOT / "build" / "suite.html"
NOTHING_CHOSEN = 5
"""Pytest's exit code when no test is left after selection."""


def run_on(stack: EphemeralStack, arguments: Sequence[str], *, page: Path = PAGE) -> bool:
    """Run what `arguments` choose, tell how it went, and return whether all of it passed."""
    console, start = Console(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="suite-") as folder:
        records_file = Path(folder) / "records"
        codes = {
            part: _pytest(stack, [*options, "--records", str(records_file), *arguments])
            for part, options in PARTS.items()
        }
        records = read(records_file)
    if set(codes.values()) == {NOTHING_CHOSEN}:
        console.print("no test was chosen")
        return False
    print_table(console, records)
    write_page(page, records)
    console.print(f"{time.monotonic() - start:.0f} s; report: {page}", highlight=False)
    return bool(records) and not failed(records) and set(codes.values()) <= {0, NOTHING_CHOSEN}


def _pytest(stack: EphemeralStack, arguments: Sequence[str]) -> int:
    where = [] if any(word.startswith("tests/") for word in arguments) else ["tests/stack"]
    command = [sys.executable, "-m", "pytest", "--no-header", *where, *arguments]
    environment = {**os.environ, HANDED_ON: stack.dump()}
    return subprocess.run(command, env=environment, check=False, cwd=ROOT).returncode
