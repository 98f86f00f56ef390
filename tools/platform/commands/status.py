"""Show what a stack runs, where, since when, and whether its operator is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from pulumi.automation import StackNotFoundError

from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it
from tools.platform.console import out
from tools.platform.errors import ExitCode
from tools.platform.preview.cluster import Namespace
from tools.platform.pulumi.stack import check_exists, cluster_access, outputs, select_stack

if TYPE_CHECKING:
    from pulumi.automation import Stack as PulumiStack

READY = "ready"


def status(stack: Stack) -> None:
    """Show the state of a stack: its last update, its cluster, its image, and whether its operator is ready.

    Nothing is changed. The exit code is 1 if the stack is not up, or its operator is not ready.

    Examples: `status dev`, `status prod`.
    """
    check_exists(stack)
    rows = rows_of(stack)
    if not rows:
        out.print(f"{stack} is not up.")
        raise typer.Exit(ExitCode.FAILED)
    for name, value in rows.items():
        out.print(f"{name:<12} {value}", markup=False, highlight=False, soft_wrap=True)
    if rows.get("operator", READY) != READY:
        raise typer.Exit(ExitCode.FAILED)


def rows_of(name: str) -> dict[str, str]:
    """Return what is shown of a stack; empty for one that is not up."""
    try:
        selected = select_stack(name)
    except StackNotFoundError:
        return {}
    values = outputs(selected)
    if not values:
        return {}
    kubeconfig, context = cluster_access(selected)
    namespace = Namespace(values["namespace"], kubeconfig=kubeconfig, context=context)
    # A stack without an operator has no image.
    image = str(values.get("image") or "")
    operator = {"image": image, "operator": namespace.health()} if image else {}
    return {
        "stack": name,
        "last update": _last_update(selected),
        "cluster": f"context {context}",
        "namespace": values["namespace"],
        **operator,
    }


def _last_update(stack: PulumiStack) -> str:
    for last in stack.history(page_size=1, page=1):
        return f"{last.result}, {last.kind}, started {last.start_time:%F %H:%M:%S} UTC"
    return "unknown"
