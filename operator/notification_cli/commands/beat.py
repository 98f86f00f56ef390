"""`notif beat`: a heartbeat for a source that reports missed ones."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    OperatorNamespace,
    OutputOption,
    SourceName,
)
from notification_cli.views.format import Output


def beat(  # noqa: PLR0913 - the options
    name: SourceName = "",
    *,
    url: Annotated[
        str,
        typer.Option(
            envvar="NOTIF_GATEWAY_URL",
            metavar="URL",
            help="URL of the gateway or of the source, in place of the cluster's gateway.",
            show_default=False,
        ),
    ] = "",
    token_file: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="File with a bearer token for the source; - is standard input.",
            show_default=False,
        ),
    ] = "",
    namespace: Namespace = "",
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Send a heartbeat for a source of the type heartbeat.

    Without `--url`, a pod of the gateway is reached as `kubectl port-forward` does, with the credentials that the Secrets of the
    source hold: you need the rights to read them and to forward ports. With `--url`, no cluster is needed.

    Examples: `notif beat nightly-backup -n shop`, `notif beat --url https://notifications.example.com/hook/nightly-backup --token-file token`.
    """
    from notification_cli.actions.beating import Beating
    from notification_cli.output.screen import Screen
    from notification_cli.session import run

    beating = Beating.of(
        name=name,
        home=operator_namespace,
        url=url,
        namespace=namespace,
        token_file=token_file,
        output=Output.of(output),
    )
    if url:
        return beating.run_by_url(Screen.standard(no_color=no_color))
    return run(beating.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
