"""`notif version`: the versions of client and server."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.errors import CliError, ExitCode
from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    Context,
    Kubeconfig,
    NoColor,
    OperatorNamespace,
    OutputOption,
)
from notification_cli.views.format import Output


def version(  # noqa: PLR0913 - the options
    *,
    client: Annotated[
        bool, typer.Option("--client", help="Only that of notif; no cluster is needed.")
    ] = False,
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Show the versions of notif, of the operator and of Kubernetes.

    The version of the operator is that of its Deployment: the label app.kubernetes.io/version, else the tag of its image.

    Example: `notif version -o json`.
    """
    from notification_cli.actions.checking import ShowingVersions, write_versions
    from notification_cli.output.screen import Screen
    from notification_cli.session import run

    screen = Screen.standard(no_color=no_color)
    if client:
        return write_versions(screen, Output.of(output), None)
    showing = ShowingVersions(home=operator_namespace, output=Output.of(output))
    try:
        return run(showing.run, kubeconfig=kubeconfig, context=context, no_color=no_color)
    except CliError as error:
        if error.code is ExitCode.NO_ACCESS:
            write_versions(screen, Output.of(output), None)
        raise
