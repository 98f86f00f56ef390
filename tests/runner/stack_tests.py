"""The stack tests against a stack that is up: side by side those that may, then alone those that measure."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.harness.report.page import write_page
from tests.harness.report.records import failed, read
from tests.harness.report.table import print_table
from tests.stack.conftest import HANDED_ON
from tools.platform.processes import run
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.place import EphemeralStack

WORKERS = "6"
"""Tests at once: they wait more than they work."""

# A worker that died has failed its test; pytest-xdist may wait for ever for the one that would replace it.
SIDE_BY_SIDE = ("-n", WORKERS, "--dist", "loadgroup", "--max-worker-restart", "0")
PARTS = {
    "side by side": ["-m", "not alone", *SIDE_BY_SIDE],
    "alone": ["-m", "alone"],
}
PAGE = ROOT / "build" / "suite.html"
LIMIT = 1800.0
"""Seconds after which a part of the tests is taken to hang."""

NOTHING_CHOSEN = 5
"""Pytest's exit code when no test is left after selection."""


def run_on(stack: EphemeralStack, arguments: Sequence[str], *, page: Path = PAGE) -> bool:
    """Run what `arguments` choose, tell how it went, and return whether all of it passed."""
    console, start = Console(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="suite-") as folder:
        file = Path(folder) / "records"
        ended_well = run_parts(stack, arguments, file)
        records = read(file)
    print_table(console, records)
    write_page(page, records)
    console.print(f"{time.monotonic() - start:.0f} s; report: {page}", highlight=False)
    passed = ended_well and not failed(records)
    if not passed:
        console.print(f"the logs of all pods: {save_logs(stack)}", highlight=False)
    return passed


def run_parts(stack: EphemeralStack, arguments: Sequence[str], file: Path) -> bool:
    """Run both parts, adding each test's result to a file; return whether they ran and ended well."""
    codes = {_pytest(stack, [*options, "--records", str(file), *arguments]) for options in PARTS.values()}
    if codes == {NOTHING_CHOSEN}:
        Console(stderr=True).print("no test was chosen")
    return codes != {NOTHING_CHOSEN} and codes <= {0, NOTHING_CHOSEN}


def _pytest(stack: EphemeralStack, arguments: Sequence[str]) -> int:
    where = [] if any(word.startswith("tests/") for word in arguments) else ["tests/stack"]
    command = [sys.executable, "-m", "pytest", "--no-header", *where, *arguments]
    return run(command, variables={HANDED_ON: stack.dump()}, cwd=ROOT, limit=LIMIT)


def save_logs(stack: EphemeralStack) -> Path:
    """Copy the logs of all pods out of the node, those of earlier containers included."""
    folder = PAGE.parent / f"{stack.name}-logs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    subprocess.run(["docker", "cp", f"{stack.container}:/var/log/pods", str(folder)], check=False)
    return folder
