"""The suite on a stack that stays: `up` brings it up or renews its code, `run` tests on it, `down` takes it away.

`python -m tools.suite up|run|down|status [--stack NAME] [pytest's arguments]`
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.stack.conftest import HANDED_ON
from tests.support import kept
from tools.engine import ROOT
from tools.up import PROBLEMS

VERBS = ("up", "run", "down", "status")
NOTHING_FOUND = 5
"""Pytest's exit code when nothing was selected."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.suite", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--stack", default=kept.DEFAULT)
    chosen, rest = parser.parse_known_args(arguments)
    try:
        match chosen.verb:
            case "up":
                print(_told(kept.keep(chosen.stack)))
            case "down":
                print("\n".join(kept.drop(chosen.stack)) or f"{chosen.stack} is down.")
            case "status":
                stack = kept.find(chosen.stack)
                print(f"{chosen.stack} is not up." if stack is None else _told(stack))
            case _:
                return _run(chosen.stack, rest)
    except PROBLEMS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _told(stack: kept.EphemeralStack) -> str:
    return f"{stack.name} is up.\n  export KUBECONFIG={stack.kubeconfig}\n  sink {stack.sink}  proxy {stack.proxy}"


def _run(name: str, rest: list[str]) -> int:
    with kept.locked(name, exclusive=False):
        stack = kept.find(name)
        if stack is None:
            print(f"error: {name} is not up; run `make suite-up` first", file=sys.stderr)
            return 1
        where = [] if any(word.startswith("tests/") for word in rest) else ["tests/stack"]
        command = [sys.executable, "-m", "pytest", *where, *rest]
        return subprocess.run(
            command, env={**os.environ, HANDED_ON: stack.dump()}, check=False, cwd=ROOT
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
