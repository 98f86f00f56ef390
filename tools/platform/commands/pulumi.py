"""Run the Pulumi command line in the right environment: `python -m tools.platform.commands.pulumi preview -s dev`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from tools.localcluster.toolchain import ToolchainError, ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT, engine_environment
from tools.platform.pulumi.stack_file import StackFileError, check_secrets, check_stack_file

CHECKED = frozenset({"up", "update", "preview", "pre"})
"""Commands that run the program, whose stack file is checked as a whole beforehand."""


def main(arguments: list[str]) -> NoReturn:
    """Replace this process by Pulumi's."""
    try:
        toolchain = ensure(ENGINE_GROUPS)
        stack = stack_of(arguments)
        if stack:
            check_secrets(stack)
        if stack and CHECKED.intersection(arguments[:1]):
            check_stack_file(stack)
    except (ToolchainError, StackFileError) as error:
        sys.exit(f"error: {error}")
    program = str(toolchain.program("pulumi"))
    environment = {**os.environ, **engine_environment(toolchain, stack=stack or "")}
    os.execve(program, [program, "-C", str(ROOT), *arguments], environment)  # noqa: S606 - no shell is wanted


def stack_of(arguments: list[str]) -> str | None:
    """Return the stack that a command line names."""
    for position, word in enumerate(arguments):
        if word in {"-s", "--stack"} and position + 1 < len(arguments):
            return arguments[position + 1]
        if word.startswith("--stack="):
            return word.removeprefix("--stack=")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
