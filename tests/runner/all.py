"""Everything that has to hold: style, types, contracts, and all tests, the last ones on a disposable stack.

`--only-stack` leaves the rest out; further arguments go to pytest. With `--keep-failed` a stack on which a
test has failed stays, with the namespaces of those tests.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from rich.console import Console

from tests.harness.ephemeral import ephemeral_stack
from tests.harness.kept import adopt
from tests.runner.stack_tests import run_on
from tools.platform.commands.check import check
from tools.platform.commands.up import PROBLEMS
from tools.platform.errors import explained
from tools.platform.pulumi.environment import ROOT

INTERRUPTED = 128 + signal.SIGINT
ONLY_STACK, KEEP_FAILED = "--only-stack", "--keep-failed"


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only when everything holds."""
    console, start = Console(), time.monotonic()
    only_stack = ONLY_STACK in arguments
    rest = [word for word in arguments if word != ONLY_STACK]
    try:
        passed = only_stack or (check(console) and _without_cluster(rest))
        passed = passed and _on_a_stack(rest)
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED
    except PROBLEMS as error:
        console.print(f"error: {explained(error)}", markup=False, highlight=False, soft_wrap=True)
        passed = False
    console.print(f"{'all passed' if passed else 'FAILED'} after {time.monotonic() - start:.0f} s")
    return 0 if passed else 1


def _without_cluster(rest: list[str]) -> bool:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/unit",
        "tests/property",
        "tests/engine",
        "-n",
        "auto",
        *rest,
    ]
    return subprocess.run(command, check=False, cwd=ROOT).returncode == 0


def _on_a_stack(rest: list[str]) -> bool:
    with ephemeral_stack() as stack:
        passed = run_on(stack, rest)
        if not passed and KEEP_FAILED in rest:
            print(adopt(stack))
        return passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
