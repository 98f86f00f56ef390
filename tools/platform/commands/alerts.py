"""The alert rules as a file for Prometheus, and their tests."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import stack_names


def alerts(
    stack: Annotated[
        str,
        typer.Argument(
            metavar="STACK", help="Stack whose settings the rules follow.", autocompletion=stack_names
        ),
    ] = "dev",
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Check the rules with promtool and run the tests in tests/alerts/."),
    ] = False,
) -> None:
    """Print the alert rules of a stack for Prometheus, or test them.

    Examples: `alerts prod`, `alerts --check`.
    """
    from tools.platform.deployment.alert_rules import show  # noqa: PLC0415 - `--help` needs none of it

    show(stack, check=check)
