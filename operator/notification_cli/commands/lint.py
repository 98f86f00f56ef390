"""`notif lint`: validate files before the API server and the operator do."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    NoColor,
    OperatorNamespace,
    OutputOption,
)
from notification_cli.views.format import Output


def lint(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="YAML files; - is standard input.", show_default=False),
    ],
    *,
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    no_color: NoColor = False,
) -> int:
    """Validate notifications, receivers, sources and routing rules.

    The schema of the API and the operator's own parsers decide. No cluster is needed. The exit code is 1 if there is a problem. Receivers are checked against the Secrets,
    ConfigMaps and receivers in the same files; documents of other kinds are left out.

    Example: `notif lint examples/*.yaml routing.yaml`.
    """
    from notification_cli.actions.linting import lint_files
    from notification_cli.output.screen import Screen

    return lint_files(files, Screen.standard(no_color=no_color), Output.of(output), home=operator_namespace)
