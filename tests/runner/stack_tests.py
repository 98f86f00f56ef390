"""Run the stack tests on a stack that is up: most in parallel, then those that measure one by one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.harness.programs import run
from tests.harness.report.page import write_page
from tests.harness.report.records import failed, read
from tests.harness.report.table import print_table
from tests.stack.conftest import HANDED_ON
from tools.platform.console import err, out
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.place import EphemeralStack

WORKERS = "6"
"""Tests in parallel: they spend most of their time waiting."""

# A crashed worker has failed its test; pytest-xdist may wait indefinitely for its replacement.
PARALLEL = ("-n", WORKERS, "--dist", "loadgroup", "--max-worker-restart", "0")
PARTS = {
    "parallel": ["-m", "not alone", *PARALLEL],
    "alone": ["-m", "alone"],
}
PAGE = ROOT / "build" / "suite.html"
LIMIT = 1800.0
"""Seconds after which a part of the tests counts as hung."""

NOTHING_SELECTED = 5
"""The exit code of pytest when the selection is empty."""


def run_on(stack: EphemeralStack, arguments: Sequence[str], *, page: Path = PAGE) -> bool:
    """Run the tests that `arguments` select, print the results, and return whether all passed."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="suite-") as folder:
        file = Path(folder) / "records"
        completed = run_parts(stack, arguments, file)
        records = read(file)
    print_table(Console(), records)
    write_page(page, records)
    out.print(f"{time.monotonic() - start:.0f} s; report: {page}")
    passed = completed and not failed(records)
    if not passed:
        out.print(f"logs of all pods: {save_logs(stack)}")
    return passed


def run_parts(stack: EphemeralStack, arguments: Sequence[str], file: Path) -> bool:
    """Run both parts and append each test's result to a file; return whether they ran and passed."""
    codes = {_pytest(stack, [*options, "--records", str(file), *arguments]) for options in PARTS.values()}
    if codes == {NOTHING_SELECTED}:
        err.print("error: no test was selected")
    return codes != {NOTHING_SELECTED} and codes <= {0, NOTHING_SELECTED}


def _pytest(stack: EphemeralStack, arguments: Sequence[str]) -> int:
    where = [] if any(word.startswith("tests/") for word in arguments) else ["tests/stack"]
    command = [sys.executable, "-m", "pytest", "--no-header", *where, *arguments]
    return run(command, variables={HANDED_ON: stack.dump()}, cwd=ROOT, limit=LIMIT)


def save_logs(stack: EphemeralStack) -> Path:
    """Copy the logs of all pods from the node, including those of earlier containers."""
    folder = PAGE.parent / f"{stack.name}-logs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    subprocess.run(["docker", "cp", f"{stack.container}:/var/log/pods", str(folder)], check=False)
    return folder
