"""Take a stack down: its resources, its state and its kubeconfig."""

from __future__ import annotations

import typer

from tools.platform.console import out
from tools.platform.errors import PlatformError
from tools.platform.options import Stack  # noqa: TC001 - typer reads it
from tools.platform.preview.stacks import previews
from tools.platform.pulumi.kubeconfig import drop_kubeconfig
from tools.platform.pulumi.stack import destroy, exists, open_stack, remove

app = typer.Typer(add_completion=False)


class StackInUseError(PlatformError):
    """Previews depend on the stack."""


@app.command()
def down(stack: Stack = "dev") -> None:
    """Destroy a stack with all its resources.

    A stack that does not exist is no error. A stack whose cluster holds previews is not destroyed.

    Examples: `down` for the stack dev, `down staging` for another one.
    """
    take_down(stack)


def take_down(name: str) -> None:
    """Destroy the stack and remove it.

    Raises:
        StackInUseError: previews live in its cluster.
    """
    if not exists(name):
        out.print(f"{name} is not up.")
        return
    check_previews(name)
    stack = open_stack(name)
    destroy(stack)
    remove(stack)
    drop_kubeconfig(name)
    out.print(f"{name} is down; none of its resources is left.")


def check_previews(name: str) -> None:
    """Check that no preview uses the cluster and the CRD of the stack.

    Raises:
        StackInUseError: at least one does.
    """
    if users := [preview for preview in previews() if preview.base == name]:
        commands = "; ".join(f"`make preview-down PR={preview.number}`" for preview in users)
        names = ", ".join(preview.stack for preview in users)
        raise StackInUseError(
            f"{names} live(s) in the cluster of {name}", hint=f"take them down first: {commands}"
        )
