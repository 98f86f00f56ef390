"""What `up` would change in some stacks, as one Markdown comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from pulumi.automation import CommandError

from tools.localcluster.toolchain import ensure
from tools.platform.answer import Form, Output, write_document
from tools.platform.command_group import Stacks  # noqa: TC001 - typer reads it
from tools.platform.commands import policy
from tools.platform.console import out
from tools.platform.errors import ExitCode, PlatformError, explain
from tools.platform.pulumi.changes import StackChanges, render
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.operations import preview
from tools.platform.pulumi.stack import open_with_settings
from tools.platform.pulumi.stack_file import check_name

if TYPE_CHECKING:
    from tools.platform.pulumi.events import Violation


def diff(
    stacks: Stacks = None,
    *,
    with_policy: Annotated[
        bool, typer.Option("--policy", help="Show policy violations above the changes of each stack.")
    ] = False,
    output: Output = Form.TEXT,
) -> None:
    """Print what `up` would change, as one Markdown comment.

    Secrets are redacted. The exit code is 1 if a preview failed; the answer contains the error.

    Examples: `diff`, `diff staging prod --policy`, `diff prod -o json`.
    """
    for stack in stacks or ["dev"]:
        check_name(stack)
    ensure(ENGINE_GROUPS)
    results = [stack_changes(stack, with_policy=with_policy) for stack in stacks or ["dev"]]
    if output.is_json:
        write_document({"stacks": results})
    else:
        out.print(render(results))
    if any(result.error for result in results):
        raise typer.Exit(ExitCode.FAILED)


def stack_changes(name: str, *, with_policy: bool) -> StackChanges:
    """Preview one stack; a failure becomes part of the result."""
    violations: tuple[Violation, ...] = ()
    try:
        stack, _ = open_with_settings(name, create=False)
        if with_policy:
            violations = tuple(policy.evaluate(name))
        return StackChanges(stack=name, changes=preview(stack).planned, violations=violations)
    except (CommandError, PlatformError) as error:
        return StackChanges(stack=name, error=explain(error), violations=violations)
