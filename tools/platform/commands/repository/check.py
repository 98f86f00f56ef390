"""The checks that need no cluster and run no tests: style, types, contracts, dependencies, documentation."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import typer

from tools.platform.console import out
from tools.platform.errors import ExitCode

BIN = Path(sys.executable).parent
PLATFORM = (sys.executable, "-m", "tools.platform")
STEPS = {
    "style": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "types": [sys.executable, "-m", "mypy"],
    "workflows": [*PLATFORM, "workflows"],
    "alert rules": [*PLATFORM, "alerts", "--check"],
    "import contracts": [str(BIN / "lint-imports"), "--no-logo"],
    "dependencies": [str(BIN / "deptry"), "operator", "infra", "examples"],
    "development dependencies": [str(BIN / "deptry"), "tools", "tests", "--ignore", "DEP002,DEP004"],
    "spelling": [str(BIN / "codespell")],
    "lock file": ["sh", "tools/lock.sh", "--check"],
    "documentation": [sys.executable, "-m", "tools.docs_site"],
}

app = typer.Typer(add_completion=False)


@app.command()
def check() -> None:
    """Check style, types, workflows, alert rules, import contracts, dependencies, spelling and documentation."""
    if not run_checks():
        raise typer.Exit(ExitCode.FAILED)


def run_checks() -> bool:
    """Run every step, print the output of failed ones, and return whether all passed."""
    results = [_step(name, command) for name, command in STEPS.items()]
    return all(results)


def _step(name: str, command: list[str]) -> bool:
    start = time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    passed = result.returncode == 0
    out.print(f"{name:24} {'ok' if passed else 'FAILED'}  {time.monotonic() - start:5.1f} s")
    if not passed:
        out.print(result.stdout + result.stderr)
    return passed
