"""Take a stack down: everything that it made, and its state."""

from __future__ import annotations

import sys

from rich.console import Console

from tools.kubeconfig import drop_kubeconfig
from tools.stack import destroy, exists, open_stack, remove
from tools.up import PROBLEMS


def main(arguments: list[str]) -> int:
    """Run the command; a stack that is not there is down already."""
    console, name = Console(), arguments[0] if arguments else "dev"
    try:
        if not exists(name):
            console.print(f"{name} is not up.")
            return 0
        stack = open_stack(name)
        destroy(stack)
        remove(stack)
    except PROBLEMS as error:
        console.print(f"error: {error}", markup=False, highlight=False)
        return 1
    drop_kubeconfig(name)
    console.print(f"{name} is down; nothing of it is left.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
