"""Take a stack down: everything that it made, and its state."""

from __future__ import annotations

import sys

from rich.console import Console

from tools.platform.commands.up import PROBLEMS
from tools.platform.errors import INTERRUPTED, STOPPED, explained
from tools.platform.preview.stacks import previews
from tools.platform.pulumi.kubeconfig import drop_kubeconfig
from tools.platform.pulumi.stack import destroy, exists, open_stack, remove


class InUseError(Exception):
    """Others need the stack; the message names them and the remedy."""


def main(arguments: list[str]) -> int:
    """Run the command; a stack that is not there is down already."""
    console, name = Console(), arguments[0] if arguments else "dev"
    try:
        if not exists(name):
            console.print(f"{name} is not up.")
            return 0
        _see_to_previews(name)
        stack = open_stack(name)
        destroy(stack)
        remove(stack)
    except (*PROBLEMS, InUseError) as error:
        console.print(f"error: {explained(error)}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(INTERRUPTED)
        return STOPPED
    drop_kubeconfig(name)
    console.print(f"{name} is down; nothing of it is left.")
    return 0


def _see_to_previews(name: str) -> None:
    """Refuse to take away the cluster and the CRD that previews live by.

    Raises:
        InUseError: there are some.
    """
    if living := [preview for preview in previews() if preview.base == name]:
        ends = "; ".join(f"`make preview-down PR={preview.number}`" for preview in living)
        names = ", ".join(preview.stack for preview in living)
        raise InUseError(f"{names} live(s) in the cluster of {name}; take them down first: {ends}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
