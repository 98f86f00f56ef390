"""The suite on a stack that stays: `up` brings it up or renews its code, `run` tests on it, `down` takes it away.

`python -m tests.runner.suite up|run|down|status [--stack NAME] [--only OPERATOR …] [pytest's arguments]`
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.harness import kept
from tests.harness.operators import OPERATORS
from tests.runner.stack_tests import run_on
from tools.platform.commands.up import PROBLEMS
from tools.platform.errors import explained

if TYPE_CHECKING:
    from tests.harness.place import EphemeralStack

VERBS = ("up", "run", "down", "status")


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.runner.suite", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--stack", default=kept.DEFAULT)
    parser.add_argument("--only", action="append", choices=list(OPERATORS), help="renew only this operator")
    chosen, rest = parser.parse_known_args(arguments)
    try:
        match chosen.verb:
            case "up":
                print(_told(kept.keep(chosen.stack, chosen.only)))
            case "down":
                kept.drop(chosen.stack)
                print(f"{chosen.stack} is down.")
            case "status":
                stack = kept.find(chosen.stack)
                print(f"{chosen.stack} is not up." if stack is None else _told(stack))
            case _:
                return _run(chosen.stack, rest)
    except PROBLEMS as error:
        print(f"error: {explained(error)}", file=sys.stderr)
        return 1
    return 0


def _told(stack: EphemeralStack) -> str:
    return f"{stack.name} is up.\n  export KUBECONFIG={stack.kubeconfig}\n  sink {stack.sink}  proxy {stack.proxy}"


def _run(name: str, rest: list[str]) -> int:
    with kept.locked(name, exclusive=False):
        stack = kept.find(name)
        if stack is None:
            print(f"error: {name} is not up; run `make suite-up` first", file=sys.stderr)
            return 1
        return 0 if run_on(stack, rest) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
