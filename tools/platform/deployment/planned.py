"""What `up` would change in stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from pulumi.automation import CommandError

from tools.localcluster.toolchain import ensure
from tools.platform.answer import Form, write_document
from tools.platform.console import out
from tools.platform.errors import ExitCode, PlatformError, explain
from tools.platform.pulumi import policy
from tools.platform.pulumi.comment import StackChanges, render
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.operations import preview
from tools.platform.pulumi.stack import open_with_settings
from tools.platform.pulumi.stack_file import check_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.platform.pulumi.events import Violation


def stack_changes(name: str, *, with_policy: bool) -> StackChanges:
    """Preview one stack; a failure becomes part of the result."""
    violations: tuple[Violation, ...] = ()
    try:
        stack, _ = open_with_settings(name, create=False)
        if with_policy:
            violations = tuple(policy.evaluate(name))
        log = preview(stack)
        warnings = tuple(log.warnings)
        return StackChanges(stack=name, changes=log.planned, violations=violations, warnings=warnings)
    except (CommandError, PlatformError) as error:
        return StackChanges(stack=name, error=explain(error), violations=violations)


def show(stacks: Sequence[str], *, with_policy: bool, output: Form) -> None:
    for stack in stacks:
        check_name(stack)
    ensure(ENGINE_GROUPS)
    results = [stack_changes(stack, with_policy=with_policy) for stack in stacks]
    if output.is_json:
        write_document({"stacks": results})
    else:
        out.print(render(results))
    if any(result.error for result in results):
        raise typer.Exit(ExitCode.FAILED)
