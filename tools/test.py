"""Everything that has to hold: style, types, contracts, and all tests, the last ones on a disposable stack.

`--only-stack` leaves the rest out; further arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from rich.console import Console

from tests.stack.conftest import HANDED_ON
from tests.support.ephemeral import ephemeral_stack
from tools.check import check

WORKERS = "4"
"""Stack tests at once: they wait more than they work."""


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only when everything holds."""
    console, start = Console(), time.monotonic()
    only_stack = "--only-stack" in arguments
    rest = [word for word in arguments if word != "--only-stack"]
    passed = only_stack or (check(console) and _without_cluster(rest))
    passed = passed and _on_a_stack(rest)
    console.print(f"{'all passed' if passed else 'FAILED'} after {time.monotonic() - start:.0f} s")
    return 0 if passed else 1


def _without_cluster(rest: list[str]) -> bool:
    return _pytest(["tests/unit", "tests/property", "-n", "auto", *rest])


def _on_a_stack(rest: list[str]) -> bool:
    with ephemeral_stack() as stack:
        return _pytest(
            ["tests/stack", "-n", WORKERS, "--dist", "loadgroup", *rest], {HANDED_ON: stack.dump()}
        )


def _pytest(arguments: list[str], variables: dict[str, str] | None = None) -> bool:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, env={**os.environ, **(variables or {})}, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
