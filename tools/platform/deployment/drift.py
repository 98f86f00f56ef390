"""The differences between the state of stacks and their clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer
from pulumi.automation import CommandError

from tools.localcluster.toolchain import ToolchainError
from tools.platform.answer import Form, write_document
from tools.platform.console import err, out
from tools.platform.errors import ExitCode, PlatformError, expected_errors, explain
from tools.platform.preview.cluster import Namespace
from tools.platform.pulumi.access import cluster_access
from tools.platform.pulumi.operations import refresh_preview
from tools.platform.pulumi.stack import check_exists, select_stack
from tools.platform.pulumi.stack_file import uses_local_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.platform.pulumi.changes import Change

BODY_LENGTH = 4000
"""Characters of a notification's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDrift:
    """The changes in the cluster of one stack; `error` is why they are unknown."""

    stack: str
    changes: tuple[Change, ...] = ()
    error: str = ""
    notification: str = ""
    """Name of the notification that was created about them."""

    @property
    def code(self) -> int:
        if self.error:
            return ExitCode.FAILED
        return ExitCode.DIFFERENT if self.changes else 0

    def lines(self) -> list[str]:
        if not self.changes:
            return [f"No drift in stack {self.stack}."]
        return [
            f"Drift detected in stack {self.stack}:",
            *(f"  {line}" for line in differences(self.changes)),
        ]


def check(stack: str, *, run_program: bool = True) -> StackDrift:
    try:
        # The credentials of a local node do not expire, and its program would build an image.
        run_program = run_program and not uses_local_cluster(stack)
        reported = refresh_preview(select_stack(stack), run_program=run_program).completed
    except (CommandError, PlatformError, ToolchainError) as error:
        return StackDrift(stack=stack, error=explain(error))
    return StackDrift(stack=stack, changes=tuple(change for change in reported if change.external))


def report(found: StackDrift, *, show: bool) -> None:
    """Print the result if it is to `show`, and in any case what failed or how to undo the drift."""
    if found.error:
        err.print(f"error: {found.stack} could not be checked: {found.error}")
        return
    if show:
        out.print(*found.lines(), sep="\n")
    if found.changes:
        err.print(f"hint: to undo these changes, run `tools/notif-platform up {found.stack} --refresh`")


def differences(changes: Sequence[Change]) -> list[str]:
    """Return one line per resource that differs, and below it one line per property."""
    return [line for change in changes for line in change.text()]


def send(target: Namespace, stack: str, changes: Sequence[Change]) -> str:
    """Create the notification about drift and return its name; it names no channels, so the routing rules choose them."""
    body = "\n".join(differences(changes))[:BODY_LENGTH]
    return target.notify(f"Drift detected in stack {stack}", body, kind="status-update", priority="high")


def _notified(found: StackDrift, namespace: str) -> StackDrift:
    """Create a notification about drift, and return the result with its name."""
    try:
        kubeconfig, context = cluster_access(select_stack(found.stack))
        target = Namespace(namespace, kubeconfig=kubeconfig, context=context)
        name = send(target, found.stack, found.changes)
    # A failure does not stop the others.
    except expected_errors() as error:
        err.print(f"error: the notification could not be created in namespace {namespace}: {explain(error)}")
        return found
    err.print(f"Created notification {name} in namespace {namespace}.")
    return replace(found, notification=name)


def show(stacks: Sequence[str], *, notify: str, run_program: bool, output: Form) -> None:
    for stack in stacks:
        check_exists(stack)
    results = []
    for stack in stacks:
        found = check(stack, run_program=run_program)
        report(found, show=not output.is_json)
        results.append(_notified(found, notify) if notify and found.changes else found)
    if output.is_json:
        write_document({"stacks": results})
    if code := max(result.code for result in results):
        raise typer.Exit(code)
