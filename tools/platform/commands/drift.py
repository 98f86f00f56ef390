"""Drift: what was changed in a cluster without Pulumi. Writes neither to the cluster nor to the stack's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from pulumi.automation import CommandError

from tools.localcluster.toolchain import ToolchainError
from tools.platform.console import err, out
from tools.platform.errors import ExitCode, PlatformError, explain
from tools.platform.preview.cluster import CLUSTER_ERRORS, Namespace
from tools.platform.pulumi.stack import check_exists, cluster_access, refresh_preview, select_stack
from tools.platform.pulumi.stack_file import uses_local_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi.automation import Stack

    from tools.platform.pulumi.changes import Change

BODY_LENGTH = 4000
"""Characters of a notification's body."""


def drift(
    stacks: Annotated[
        list[str] | None, typer.Argument(metavar="STACK", help="Stacks; dev by default.")
    ] = None,
    *,
    notify: Annotated[
        str,
        typer.Option(
            metavar="NAMESPACE",
            help="On drift, create a notification in this namespace of the stack's cluster.",
        ),
    ] = "",
    run_program: Annotated[
        bool,
        typer.Option(
            help="Use the credentials of the stack's settings, or those that the last `up` has recorded, which can have expired."
        ),
    ] = True,
) -> None:
    """Report what was changed in the cluster without Pulumi.

    Nothing is written. The exit code is 3 if a stack has drifted, 1 if a stack could not be checked.

    Examples: `drift`, `drift staging prod`, `drift prod --notify platform-alerts`.
    """
    for stack in stacks or ["dev"]:
        check_exists(stack)
    codes = [check(stack, notify=notify, run_program=run_program) for stack in stacks or ["dev"]]
    if code := max(codes):
        raise typer.Exit(code)


def check(stack: str, *, notify: str, run_program: bool = True) -> int:
    """Check one stack and print the result; return its exit code."""
    try:
        selected = select_stack(stack)
        # The credentials of a local node do not expire, and its program would build an image.
        run_program = run_program and not uses_local_cluster(stack)
        reported = refresh_preview(selected, run_program=run_program).completed
    except (CommandError, PlatformError, ToolchainError) as error:
        err.print(f"error: {stack} could not be checked: {explain(error)}")
        return ExitCode.FAILED
    changes = [change for change in reported if change.external]
    if not changes:
        out.print(f"No drift in stack {stack}.")
        return 0
    out.print(f"Drift detected in stack {stack}:")
    for line in differences(changes):
        out.print(f"  {line}")
    err.print(f"hint: to undo these changes, run `tools/notif-platform up {stack} --refresh`")
    if notify:
        _notify(selected, notify, changes)
    return ExitCode.DIFFERENT


def differences(changes: Sequence[Change]) -> list[str]:
    """Return one line per resource that differs, and below it one line per property."""
    return [line for change in changes for line in change.text()]


def send(target: Namespace, stack: str, changes: Sequence[Change]) -> str:
    """Create the notification about drift and return its name; it names no channels, so the routing rules choose them."""
    body = "\n".join(differences(changes))[:BODY_LENGTH]
    return target.notify(f"Drift detected in stack {stack}", body, kind="status-update", priority="high")


def _notify(stack: Stack, namespace: str, changes: Sequence[Change]) -> None:
    kubeconfig, context = cluster_access(stack)
    target = Namespace(namespace, kubeconfig=kubeconfig, context=context)
    try:
        name = send(target, stack.name, changes)
    except CLUSTER_ERRORS as error:
        err.print(f"error: the notification could not be created in namespace {namespace}: {explain(error)}")
        return
    out.print(f"Created notification {name} in namespace {namespace}.")
