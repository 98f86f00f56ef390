"""Style, types and import contracts: everything that needs no cluster and runs nothing of ours."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

STEPS = {
    "style": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "types": [sys.executable, "-m", "mypy"],
    "workflows": [sys.executable, "-m", "tools.platform.commands.workflows"],
    "alert rules": [sys.executable, "-m", "tools.platform.commands.alerts", "--check"],
    "import contracts": [str(Path(sys.executable).parent / "lint-imports"), "--no-logo"],
}


def check(console: Console) -> bool:
    """Run every step, print what a failing one says, and return whether all passed."""
    results = [_step(console, name, command) for name, command in STEPS.items()]
    return all(results)


def _step(console: Console, name: str, command: list[str]) -> bool:
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    passed = done.returncode == 0
    console.print(
        f"{name:17} {'ok' if passed else 'FAILED'}  {time.monotonic() - start:5.1f} s", highlight=False
    )
    if not passed:
        console.print(done.stdout + done.stderr, markup=False, highlight=False)
    return passed


if __name__ == "__main__":
    sys.exit(0 if check(Console()) else 1)
